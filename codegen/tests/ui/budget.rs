pushforward_codegen::model! {
    pub mod flash = "tests/models/tiny.safetensors", flash = "128", scratch = "4K";
    pub mod scratch = "tests/models/tiny.safetensors", flash = "64K", scratch = 64;
    pub mod stack = "tests/models/tiny.safetensors", stack = 80, instructions = 1;
}

fn main() {}
