pushforward_codegen::model! {
    mod drawn = "tests/models/gaussianisation_plain.safetensors";
    mod sampling = "tests/models/tiny.safetensors", sampling = "some";
}

fn main() {}
