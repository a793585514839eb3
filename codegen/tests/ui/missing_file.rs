pushforward_codegen::model! {
    pub mod model = "tests/models/missing.safetensors";
}

fn main() {}
