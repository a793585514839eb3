pushforward_codegen::model! {
    pub mod misspelt = "tests/models/tiny.safetensors", falsh = "64K", wieghts = "f16", colour = 1;
    pub mod values = "tests/models/tiny.safetensors",
        weights = "f8",
        flash = "64KB",
        scratch = 1.5,
        stack = "-4K",
        instructions = "500k",
        link_section = "";
    pub mod twice = "tests/models/tiny.safetensors", flash = "64K", flash = "32K";
}

fn main() {}
