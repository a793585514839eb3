pushforward_codegen::model! {
    pub mod model = include_bytes!("tests/models/tiny.safetensors");
}

fn main() {}
