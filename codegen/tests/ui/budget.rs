pushforward_codegen::model! {
    pub mod flash = "tests/models/tiny.safetensors", flash = "128", scratch = "4K";
    pub mod scratch = "tests/models/tiny.safetensors", flash = "64K", scratch = 64;
}

fn main() {}
