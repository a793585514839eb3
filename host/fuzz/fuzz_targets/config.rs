//! Any text is a config or an error. What follows a zero byte are settings, a line each.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use pushforward_host::config::Config;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (text, settings) = text.split_once('\0').unwrap_or((text, ""));
    let settings: Vec<_> = settings.lines().map(String::from).collect();
    let path = Path::new("config.toml");
    if let Ok(config) = Config::parse(text, path, &settings) {
        // What is recorded is a config too, and says the same.
        let again = Config::parse(&config.text, path, &[]).expect("a record is a config");
        assert_eq!(again.train, config.train);
        assert_eq!(again.model, config.model);
    }
});
