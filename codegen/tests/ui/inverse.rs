pushforward_codegen::model! {
    mod drawn = "tests/models/gaussianisation_fused.safetensors";
    mod sampling = "tests/models/tiny.safetensors", sampling = "some";
}

fn main() {}
