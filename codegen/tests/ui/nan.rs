pushforward_codegen::model! {
    pub mod model = "tests/models/nan.safetensors";
}

fn main() {}
