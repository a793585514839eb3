pushforward_codegen::model! {
    pub mod model = env!("PUSHFORWARD_MODEL_THAT_IS_NOT_SET", "tests/models/missing.safetensors");
}

fn main() {}
