//! The README's code is code that is compiled, and its first command has one program to run.

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

#[test]
fn cargo_run_in_the_root_has_one_program() {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .output()
        .expect("cargo runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let default = metadata["workspace_default_members"].as_array().expect("members");
    let packages = metadata["packages"].as_array().expect("packages");
    let programs: Vec<_> = packages
        .iter()
        .filter(|package| default.contains(&package["id"]))
        .flat_map(|package| package["targets"].as_array().expect("targets"))
        .filter(|target| target["kind"][0] == "bin")
        .map(|target| target["name"].as_str())
        .collect();
    assert_eq!(programs, [Some("pushforward")]);
}

#[test]
fn cargo_run_builds_nothing_for_the_benchmarks() {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal,build", "--prefix", "none"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo runs");
    let tree = String::from_utf8_lossy(&output.stdout);
    assert!(tree.starts_with("pushforward-host "), "{tree}{output:?}");
    assert!(!tree.contains("criterion") && !tree.contains("pushforward-benches"), "{tree}");
    let bench = "cargo bench -p pushforward-benches";
    let [readme, benches] =
        [include_str!("../../README.md"), include_str!("../../benches/README.md")];
    assert!(readme.contains(bench) && benches.contains(bench));
}
