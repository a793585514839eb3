//! The README's code is code that is compiled.

#[test]
fn the_host_example_is_the_one_in_the_readme() {
    let readme = include_str!("../../README.md");
    let example = include_str!("../examples/draw.rs");
    let code = example.split_once("\n\n").map_or(example, |(_, code)| code);
    assert!(
        readme.contains(code),
        "README.md: its host example differs from host/examples/draw.rs"
    );
}
