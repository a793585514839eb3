use std::fs;

use pushforward::domain::{Domain, Element, Kind};

use super::*;

const REAL: Domain<'_> = Domain::Uniform(Kind::Real);
const SPIN: Domain<'_> = Domain::Uniform(Kind::Spin);

/// A whole array, row by row, in the order of its columns.
pub(super) fn read_all(
    path: &std::path::Path,
    context: &[Column],
    dim: Option<usize>,
    domain: Domain<'_>,
) -> crate::error::Result<(Vec<f32>, Columns)> {
    let mut reader = Reader::open(path, None, domain)?;
    let columns = Columns::of(path, &mut reader, &[], context, dim)?;
    let mut values = reader.all()?;
    columns.order(&mut values);
    Ok((values, columns))
}

fn folder(name: &str) -> std::path::PathBuf {
    let folder =
        std::env::temp_dir().join(format!("pushforward-data-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn arrays_survive_both_formats() {
    let dir = folder("formats");
    let values = [1.5f32, -2.25e-30, 3.0e30, 0.1, -0.0, 7.0];
    for name in ["a.npy", "a.csv"] {
        let path = dir.join(name);
        let mut writer = Writer::create(&path, Element::F32, None, 2).unwrap();
        writer.rows(&values[..2]).unwrap();
        writer.rows(&values[2..]).unwrap();
        assert!(!path.exists());
        writer.finish().unwrap();
        let (read, columns) = read_all(&path, &[], Some(2), REAL).unwrap();
        assert_eq!(
            (bytemuck::cast_slice::<_, u32>(&read), columns.width()),
            (bytemuck::cast_slice(&values), 2)
        );
    }
    let path = dir.join("spins.npy");
    let mut writer = Writer::create(&path, Element::I8, Some(2), 3).unwrap();
    writer.rows(&[1i8, -1, 1, -1, -1, 1]).unwrap();
    writer.finish().unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), 128 + 6);
    assert_eq!(read_all(&path, &[], None, SPIN).unwrap().0, [1.0, -1.0, 1.0, -1.0, -1.0, 1.0]);
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_writer_dropped_half_way_leaves_nothing() {
    let dir = folder("half");
    let mut writer = Writer::create(&dir.join("x.npy"), Element::F32, Some(9), 1).unwrap();
    writer.rows(&[1.0]).unwrap();
    drop(writer);
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn csv_headers_and_comments_are_optional() {
    let dir = folder("csv");
    for text in ["x,y\n1,2\n3,4\n", "1,2\n3,4", "# made by hand\n 1 , 2 \n\n3,4\n"] {
        let path = dir.join("x.csv");
        fs::write(&path, text).unwrap();
        assert_eq!(read_all(&path, &[], Some(2), REAL).unwrap().0, [1.0, 2.0, 3.0, 4.0], "{text}");
    }
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn every_fault_says_where_and_what() {
    let dir = folder("faults");
    let header = |descr: &str, order: &str, shape: &str| {
        let text =
            format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes
    };
    let with = |mut bytes: Vec<u8>, data: &[u8]| {
        bytes.extend(data);
        bytes
    };
    let nan = [0, 0, 0x80, 0x3f, 0, 0, 0xc0, 0x7f];
    let cases: [(&str, Vec<u8>, &str); 16] = [
        ("x.npy", vec![], "ends inside the header"),
        ("x.npy", b"PK\x03\x04 some zip archive".to_vec(), "does not start with"),
        ("x.npy", b"\x93NUMPY\x09\x00\x10\x00".to_vec(), "version 9"),
        ("x.npy", b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(), "expected at most"),
        (
            "x.npy",
            header("<c8", "False", "(1, 2)"),
            "'<c8', expected f32, f64, f16, bool or an integer",
        ),
        ("x.npy", header(">f4", "False", "(1, 2)"), "'>f4', expected f32"),
        ("x.npy", header("<f4", "True", "(1, 2)"), "Fortran"),
        ("x.npy", header("<f4", "False", "()"), "single number"),
        ("x.npy", header("<f4", "False", "(99999999999, 99999999999, 9999)"), "2^31"),
        ("x.npy", header("<f4", "False", "(3, 2)"), "0 bytes of data"),
        ("x.npy", header("<f4", "False", "(18446744073709551615, 2)"), "not what its shape"),
        ("x.npy", with(header("<f4", "False", "(1, 2)"), &nan), "row 1, column 2: found NaN"),
        ("x.csv", b"1,2\n3\n".to_vec(), "row 2 has 1 values, expected 2"),
        ("x.csv", b"a,b\n1,2\n3,1e99\n".to_vec(), "row 2, column 2 (b): found 1"),
        ("x.csv", b"1,2\n3,four\n".to_vec(), "row 2, column 2: 'four' is no number"),
        ("x.txt", b"1,2\n".to_vec(), "unknown ending"),
    ];
    for (name, bytes, expected) in cases {
        let path = dir.join(name);
        fs::write(&path, bytes).unwrap();
        let message = read_all(&path, &[], None, REAL).unwrap_err().to_string();
        assert!(
            message.contains(expected) && message.contains(name),
            "{message}\nexpected: {expected}"
        );
    }
    fs::write(dir.join("x.csv"), "1,0\n").unwrap();
    let message = read_all(&dir.join("x.csv"), &[], None, SPIN).unwrap_err().to_string();
    assert!(message.contains("column 2: found 0, expected a spin"), "{message}");
    fs::remove_dir_all(dir).unwrap();
}

/// A `.npy` file of one axis or two.
fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.extend(data);
    bytes
}

#[test]
fn every_element_type_is_read_where_it_is_exact() {
    let dir = folder("elements");
    let path = dir.join("x.npy");
    let read = |descr: &str, shape: &str, data: &[u8], domain| {
        fs::write(&path, npy(descr, shape, data)).unwrap();
        read_all(&path, &[], None, domain).map(|(rows, _)| rows).map_err(|e| e.to_string())
    };
    macro_rules! bytes {
        ($($x:expr),*) => { [$(&$x.to_le_bytes()[..]),*].concat() };
    }
    for (descr, data) in [
        ("<i8", bytes![1i64, -1i64, -1i64, 1i64]),
        ("<i4", bytes![1i32, -1i32, -1i32, 1i32]),
        ("<i2", bytes![1i16, -1i16, -1i16, 1i16]),
        ("|i1", bytes![1i8, -1i8, -1i8, 1i8]),
        ("<f8", bytes![1f64, -1f64, -1f64, 1f64]),
        ("<f2", bytes![0x3c00u16, 0xbc00u16, 0xbc00u16, 0x3c00u16]),
    ] {
        for domain in [SPIN, REAL] {
            assert_eq!(read(descr, "(2, 2)", &data, domain).unwrap(), [1.0, -1.0, -1.0, 1.0]);
        }
    }
    for (descr, data, expected) in [
        ("<u8", bytes![0u64, 1u64 << 63], [0.0, 2f32.powi(63)]),
        ("<u4", bytes![3u32, u32::MAX - 255], [3.0, 4_294_967_040.0]),
        ("<u2", bytes![3u16, 65_535u16], [3.0, 65_535.0]),
        ("|u1", bytes![3u8, 255u8], [3.0, 255.0]),
        ("<i8", bytes![i64::MIN, 1i64 << 40], [-(2f32.powi(63)), 2f32.powi(40)]),
        ("|b1", bytes![0u8, 1u8], [0.0, 1.0]),
        ("<f2", bytes![0x7bffu16, 0x0001u16], [65_504.0, 2f32.powi(-24)]),
    ] {
        assert_eq!(read(descr, "(1, 2)", &data, REAL).unwrap(), expected, "{descr}");
    }
    for (descr, data, domain, expected) in [
        ("<i8", bytes![7i64, 16_777_217i64], REAL, "found 16777217, expected a number"),
        ("<i4", bytes![7i32, 16_777_217i32], REAL, "found 16777217, expected a number"),
        ("<u8", bytes![7u64, u64::MAX], REAL, "found 18446744073709551615, expected"),
        ("<f2", bytes![0u16, 0x7c00u16], REAL, "found inf"),
        ("|b1", bytes![1u8, 2u8], REAL, "found the byte 2, expected a bool"),
        ("|u1", bytes![1u8, 0u8], SPIN, "found 0, expected a spin, -1 or 1; 2x - 1"),
    ] {
        let message = read(descr, "(1, 2)", &data, domain).unwrap_err();
        assert!(message.contains("row 1, column 2: ") && message.contains(expected), "{message}");
    }
    let message = read("|b1", "(1, 2)", &[1, 1], SPIN).unwrap_err();
    assert!(message.contains("column 1: found True, expected a spin"), "{message}");
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn lines_of_spaces_are_blank() {
    let dir = folder("blank");
    let path = dir.join("x.csv");
    for text in [" \nx,y\n1,2\n \t \n3,4\n  ", "\n\n \n1,2\n\n3,4\n\t\n"] {
        fs::write(&path, text).unwrap();
        let read = read_all(&path, &[], Some(2), REAL).unwrap().0;
        assert_eq!(read, [1.0, 2.0, 3.0, 4.0], "{text:?}");
    }
    fs::write(&path, "1\n \n2\n").unwrap();
    assert_eq!(read_all(&path, &[], Some(1), REAL).unwrap().0, [1.0, 2.0]);
    fs::write(&path, " \n\t\n").unwrap();
    assert!(read_all(&path, &[], None, REAL).unwrap_err().to_string().contains("no rows"));
    fs::remove_dir_all(dir).unwrap();
}

/// Sizes come from a file's header, and the file may be a hole.
#[test]
fn more_rows_than_memory_are_an_error() {
    let dir = folder("memory");
    let path = dir.join("x.npy");
    for (rows, width) in [(1u64 << 50, 1u64), (1 << 20, 1 << 30), (3, (1 << 31) - 1)] {
        let header = npy("|i1", &format!("({rows}, {width})"), &[]);
        fs::write(&path, &header).unwrap();
        let hole = fs::File::options().write(true).open(&path).unwrap();
        if hole.set_len(header.len() as u64 + rows * width).is_err() {
            continue;
        }
        let message = read_all(&path, &[], None, SPIN).unwrap_err().to_string();
        assert!(message.contains("no memory") || message.contains("found 0"), "{message}");
    }
    fs::write(&path, npy("|i1", "(1125899906842624, 1)", &[])).unwrap();
    fs::write(dir.join("long.csv"), "1,".repeat(1 << 26)).unwrap();
    let message = read_all(&dir.join("long.csv"), &[], None, REAL).unwrap_err().to_string();
    assert!(message.contains("a line has more than"), "{message}");
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn parts_of_dead_writers_are_swept_and_no_others() {
    let dir = folder("parts");
    let live = Writer::create(&dir.join("x.csv"), Element::F32, None, 1).unwrap();
    let part = format!(".x.csv.{}.part", std::process::id());
    for name in [".x.csv.1.part", ".x.csv.77-3.part", ".y.csv.1.part", "x.csv.1.part"] {
        fs::write(dir.join(name), "half").unwrap();
    }
    for name in [".x.csv.old.part", ".x.csv.1.parts", ".x.csv.1-2-3.part", ".x.csv..part"] {
        fs::write(dir.join(name), "a user's").unwrap();
    }
    write_file(&dir.join("x.csv"), b"1\n").unwrap();
    let mut left: Vec<_> = fs::read_dir(&dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    let mut expected = [
        ".x.csv..part",
        ".x.csv.1-2-3.part",
        ".x.csv.1.parts",
        &part,
        ".x.csv.old.part",
        ".y.csv.1.part",
        "x.csv",
        "x.csv.1.part",
    ];
    expected.sort();
    assert_eq!(left, expected);
    // The writer that was at work all the time still can finish.
    live.finish().unwrap();
    assert_eq!(fs::read(dir.join("x.csv")).unwrap(), b"");
    fs::remove_dir_all(dir).unwrap();
}

#[cfg(unix)]
#[test]
fn one_file_by_two_names_is_found() {
    use std::os::unix::fs::symlink;
    let dir = folder("names");
    let at = |name: &str| dir.join(name);
    fs::write(at("x.npy"), "").unwrap();
    symlink("x.npy", at("link.npy")).unwrap();
    symlink("absent.npy", at("dangling.npy")).unwrap();
    symlink(&dir, at("here")).unwrap();
    fs::hard_link(at("x.npy"), at("hard.npy")).unwrap();
    let same = |a: &std::path::Path, b: &std::path::Path| {
        let (one, two) =
            (distinct(("-o", a), ("b", b), false), distinct(("b", b), ("-o", a), true));
        assert_eq!(one.is_err(), two.is_err(), "{a:?} {b:?}");
        one.is_err()
    };
    for (a, b) in [
        ("x.npy", "x.npy"),
        ("x.npy", "./x.npy"),
        ("x.npy", "here/x.npy"),
        ("x.npy", "link.npy"),
        ("x.npy", "hard.npy"),
        ("new.npy", "./new.npy"),
        ("new.npy", "here/./new.npy"),
        ("absent.npy", "dangling.npy"),
    ] {
        assert!(same(&at(a), &at(b)), "{a} {b}");
        assert!(same(&at(b), &at(a)), "{b} {a}");
    }
    for (a, b) in [("x.npy", "y.npy"), ("new.npy", "newer.npy"), ("x.npy", "no/x.npy")] {
        assert!(!same(&at(a), &at(b)), "{a} {b}");
    }
    assert!(!same("/dev/null".as_ref(), "/dev/null".as_ref()));
    // A link is followed: the file behind it is written.
    write_file(&at("dangling.npy"), b"1").unwrap();
    assert_eq!(fs::read(at("absent.npy")).unwrap(), b"1");
    assert!(at("dangling.npy").is_symlink());
    fs::remove_dir_all(dir).unwrap();
}
