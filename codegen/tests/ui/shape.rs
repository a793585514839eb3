pushforward_codegen::model! {
    pub mod model = "tests/models/shape.safetensors";
}

fn main() {}
