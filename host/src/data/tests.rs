use std::fs;

use super::*;

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
        let mut writer = Writer::create(&path, Domain::Real, None, 2).unwrap();
        writer.rows(&values[..2]).unwrap();
        writer.rows(&values[2..]).unwrap();
        assert!(!path.exists());
        writer.finish().unwrap();
        let (read, width) = read_all(&path, Some(2), Domain::Real).unwrap();
        assert_eq!(
            (bytemuck::cast_slice::<_, u32>(&read), width),
            (bytemuck::cast_slice(&values), 2)
        );
    }
    let path = dir.join("spins.npy");
    let mut writer = Writer::create(&path, Domain::Spin, Some(2), 3).unwrap();
    writer.rows(&[1i8, -1, 1, -1, -1, 1]).unwrap();
    writer.finish().unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), 128 + 6);
    assert_eq!(read_all(&path, None, Domain::Spin).unwrap().0, [1.0, -1.0, 1.0, -1.0, -1.0, 1.0]);
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_writer_dropped_half_way_leaves_nothing() {
    let dir = folder("half");
    let mut writer = Writer::create(&dir.join("x.npy"), Domain::Real, Some(9), 1).unwrap();
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
        assert_eq!(
            read_all(&path, Some(2), Domain::Real).unwrap().0,
            [1.0, 2.0, 3.0, 4.0],
            "{text}"
        );
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
        ("x.npy", header("<c8", "False", "(1, 2)"), "'<c8', expected f32"),
        ("x.npy", header(">f4", "False", "(1, 2)"), "'>f4', expected f32"),
        ("x.npy", header("<f4", "True", "(1, 2)"), "Fortran"),
        ("x.npy", header("<f4", "False", "()"), "single number"),
        ("x.npy", header("<f4", "False", "(99999999999, 99999999999, 9999)"), "2^31"),
        ("x.npy", header("<f4", "False", "(3, 2)"), "0 bytes of data"),
        ("x.npy", header("<f4", "False", "(18446744073709551615, 2)"), "not what its shape"),
        ("x.npy", with(header("<f4", "False", "(1, 2)"), &nan), "row 1, column 2: found NaN"),
        ("x.csv", b"1,2\n3\n".to_vec(), "row 2 has 1 values, expected 2"),
        ("x.csv", b"a,b\n1,2\n3,1e99\n".to_vec(), "row 2, column 2: found 1"),
        ("x.csv", b"1,2\n3,four\n".to_vec(), "row 2, column 2: 'four' is no number"),
        ("x.txt", b"1,2\n".to_vec(), "unknown ending"),
    ];
    for (name, bytes, expected) in cases {
        let path = dir.join(name);
        fs::write(&path, bytes).unwrap();
        let message = read_all(&path, None, Domain::Real).unwrap_err().to_string();
        assert!(
            message.contains(expected) && message.contains(name),
            "{message}\nexpected: {expected}"
        );
    }
    fs::write(dir.join("x.csv"), "1,0\n").unwrap();
    let message = read_all(&dir.join("x.csv"), None, Domain::Spin).unwrap_err().to_string();
    assert!(message.contains("column 2: found 0, expected a spin"), "{message}");
    fs::remove_dir_all(dir).unwrap();
}
