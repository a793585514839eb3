//! The table of bits that every target computes holds here; the firmware's `selftest` reads the
//! same table on a microcontroller.

#[path = "bits/pinned.rs"]
mod pinned;

#[test]
fn the_table_holds() {
    let wrong: Vec<_> = pinned::TABLE
        .iter()
        .filter(|(_, pinned, compute)| *pinned != compute())
        .map(|(name, pinned, compute)| {
            format!("{name}: {:#018x}, pinned {pinned:#018x}", compute())
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
