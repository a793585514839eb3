pushforward_codegen::model! {
    pub mod model = "tests/models/truncated.safetensors";
}

fn main() {}
