//! Formats against each other, and damaged files.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{FixedSizeListBuilder, Float32Builder};
use arrow_array::{Date32Array, Float16Array, RecordBatchOptions, StringArray};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use half::f16;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, GzipLevel};
use parquet::file::properties::WriterProperties;
use pushforward::model::Support;
use pushforward::noise::block;

use super::*;
use crate::data::tests::read_all;
use crate::data::{Table, Validation, Wanted};

const REAL: Domain<'_> = Domain::Uniform(Kind::Real);

/// A folder that goes with its owner.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let name = format!("pushforward-read-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

use arrow_array::types::*;
use arrow_array::{ArrayRef, BooleanArray, PrimitiveArray, RecordBatch};

fn parquet(batch: &RecordBatch, compression: Compression) -> Vec<u8> {
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_max_row_group_row_count(Some(7))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

/// In two batches.
fn arrow(batch: &RecordBatch, compression: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
    let mut bytes = Vec::new();
    let mut writer =
        FileWriter::try_new_with_options(&mut bytes, &batch.schema(), options).unwrap();
    let half = batch.num_rows() / 2;
    writer.write(&batch.slice(0, half)).unwrap();
    writer.write(&batch.slice(half, batch.num_rows() - half)).unwrap();
    writer.finish().unwrap();
    drop(writer);
    bytes
}

fn stream(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

fn every_format(batch: &RecordBatch) -> Vec<(&'static str, Vec<u8>)> {
    let gzip = Compression::GZIP(GzipLevel::default());
    vec![
        ("bare.parquet", parquet(batch, Compression::UNCOMPRESSED)),
        ("snappy.parquet", parquet(batch, Compression::SNAPPY)),
        ("gzip.parquet", parquet(batch, gzip)),
        ("lz4.pq", parquet(batch, Compression::LZ4_RAW)),
        ("bare.arrow", arrow(batch, None)),
        ("lz4.feather", arrow(batch, Some(CompressionType::LZ4_FRAME))),
        ("stream.arrows", stream(batch)),
        ("stream.ipc", stream(batch)),
    ]
}

fn numbers<T: arrow_array::ArrowPrimitiveType>(
    values: impl Iterator<Item = T::Native>,
) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::from_iter_values(values))
}

const ROWS: i8 = 20;

/// One column of each type that is read, and a list.
fn table() -> RecordBatch {
    let rows = 0..ROWS;
    let mut lists = FixedSizeListBuilder::new(Float32Builder::new(), 2);
    for i in rows.clone() {
        lists.values().append_slice(&[f32::from(i) + 0.5, -f32::from(i)]);
        lists.append(true);
    }
    let unsigned = || rows.clone().map(|i| i as u8);
    let columns: [(&str, ArrayRef); 13] = [
        ("i8", numbers::<Int8Type>(rows.clone())),
        ("i16", numbers::<Int16Type>(rows.clone().map(|i| 300 * i16::from(i)))),
        ("i32", numbers::<Int32Type>(rows.clone().map(|i| -70_000 * i32::from(i)))),
        ("i64", numbers::<Int64Type>(rows.clone().map(|i| i64::from(i) << 40))),
        ("u8", numbers::<UInt8Type>(unsigned())),
        ("u16", numbers::<UInt16Type>(unsigned().map(|i| 3000 * u16::from(i)))),
        ("u32", numbers::<UInt32Type>(unsigned().map(|i| u32::from(i) << 27))),
        ("u64", numbers::<UInt64Type>(unsigned().map(|i| u64::from(i) << 59))),
        ("f16", Arc::new(Float16Array::from_iter_values(rows.clone().map(f16::from)))),
        ("f32", numbers::<Float32Type>(rows.clone().map(|i| 0.1 * f32::from(i)))),
        (" f64 ", numbers::<Float64Type>(rows.clone().map(|i| 1e8 + f64::from(i)))),
        ("bool", Arc::new(BooleanArray::from_iter(rows.clone().map(|i| Some(i % 3 == 0))))),
        ("list", Arc::new(lists.finish())),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn expected(i: i8) -> [f64; 14] {
    let x = f64::from(i);
    [
        x,
        300.0 * x,
        -70_000.0 * x,
        x * 2f64.powi(40),
        x,
        3000.0 * x,
        x * 2f64.powi(27),
        x * 2f64.powi(59),
        x,
        f64::from(0.1 * f32::from(i)),
        1e8 + x,
        f64::from(u8::from(i % 3 == 0)),
        x + 0.5,
        -x,
    ]
}

#[test]
fn every_type_is_read_in_every_format() {
    let folder = Folder::new("types");
    for (name, bytes) in every_format(&table()) {
        let path = folder.put(name, &bytes);
        let mut reader = Reader::open(&path, Some(14), REAL).unwrap();
        let names = "i8 i16 i32 i64 u8 u16 u32 u64 f16 f32 f64 bool list[0] list[1]";
        assert_eq!(reader.names().unwrap().join(" "), names);
        let rows = name.ends_with('t') || name.ends_with('q');
        assert_eq!(reader.rows(), rows.then_some(ROWS as u64), "{name}");
        // In chunks that end nowhere in particular.
        let (mut values, mut sizes) = (Vec::<f64>::new(), Vec::new());
        loop {
            match reader.next_rows(3, &mut values).unwrap() {
                0 => break,
                n => sizes.push(n),
            }
        }
        assert_eq!(sizes, [3, 3, 3, 3, 3, 3, 2], "{name}");
        assert_eq!(values, (0..ROWS).flat_map(expected).collect::<Vec<_>>(), "{name}");
        assert!(reader.rows().is_none_or(|left| left == 0));

        // Some of the columns, in another order.
        let names = ["list[1]", "u16", "list[0]"].map(str::to_owned);
        let mut reader = Reader::open_named(&path, Some(&names), 3, REAL).unwrap();
        let mut values = reader.room().unwrap();
        assert_eq!((reader.width(), reader.next_rows(100, &mut values).unwrap()), (3, 20));
        assert_eq!(values[3..6], [-1.0, 3000.0, 1.5], "{name}");
    }
}

#[test]
fn what_is_missing_or_no_number_is_named() {
    let folder = Folder::new("faults");
    let fault = |name: &str, bytes: &[u8], domain| {
        let path = folder.put(name, bytes);
        let message = read_all(&path, &[], None, domain).unwrap_err().to_string();
        assert!(message.starts_with(&path.display().to_string()) && !message.contains('\n'));
        message
    };
    let some = |missing: i8| -> ArrayRef {
        let values = (0..ROWS).map(move |i| (i != missing).then_some(f64::from(i)));
        Arc::new(PrimitiveArray::<Float64Type>::from_iter(values))
    };
    let mut lists = FixedSizeListBuilder::new(Float32Builder::new(), 2);
    for i in 0..ROWS {
        lists.values().append_value(1.0);
        lists.values().append_option((i != 12).then_some(2.0));
        lists.append(i != 11);
    }
    let text: ArrayRef = Arc::new(StringArray::from_iter_values((0..ROWS).map(|i| i.to_string())));
    let days: ArrayRef = Arc::new(Date32Array::from_iter_values((0..ROWS).map(i32::from)));
    let table = |name: &str, column: &ArrayRef| {
        let columns = [("x", some(-1)), (name, ArrayRef::clone(column))];
        every_format(&RecordBatch::try_from_iter(columns).unwrap())
    };
    let lists: ArrayRef = Arc::new(lists.finish());
    let large = numbers::<Int64Type>((0..ROWS).map(|i| (1 << 53) + i64::from(i)));
    for (column, data, expected) in [
        ("mass", some(13), "row 14, column 2 (mass): the value is missing, expected a number"),
        ("v", lists, "row 12, column 2 (v[0]): the value is missing"),
        (
            "run",
            text,
            "column 2 (run) has the type Utf8, expected integers, floats or bools: leave",
        ),
        ("day", days, "column 2 (day) has the type Date32, expected integers"),
        ("big", large, "row 2, column 2 (big): found 9007199254740993, expected a number that f32"),
        ("__index_level_0__", some(-1), "is the index of a pandas table, expected data"),
    ] {
        for (name, bytes) in table(column, &data) {
            let message = fault(name, &bytes, REAL);
            assert!(message.contains(expected), "{message}");
        }
    }
    for (text, expected) in [
        ("x,mass\n1,2\n3,\n", "row 2, column 2 (mass): the value is missing, expected a number"),
        ("1,2\n3,\n", "row 2, column 2: the value is missing"),
        ("x,mass\n1,2\n3,n/a\n", "row 2, column 2 (mass): 'n/a' is no number"),
    ] {
        let message = fault("x.csv", text.as_bytes(), REAL);
        assert!(message.contains(expected), "{message}");
    }
    let spins = table("x2", &some(-1));
    let message = fault("spins.arrow", &spins[4].1, Domain::Uniform(Kind::Spin));
    assert!(message.contains("row 1, column 1 (x): found 0, expected a spin"), "{message}");
    let bare = RecordBatch::try_new_with_options(
        Arc::new(arrow_schema::Schema::empty()),
        vec![],
        &RecordBatchOptions::new().with_row_count(Some(3)),
    );
    let message = fault("bare.arrow", &arrow(&bare.unwrap(), None), REAL);
    assert!(message.contains("has no columns"), "{message}");
    assert!(fault("old.feather", b"FEA1....FEA1", REAL).contains("version 1, expected version 2"));
    let empty = table("y", &some(-1));
    assert!(!empty.is_empty());
    let none = parquet(&self::table().slice(0, 0), Compression::SNAPPY);
    let wanted = Wanted {
        path: &folder.put("x.parquet", &none),
        columns: &[],
        context: &[],
        dim: None,
        domain: REAL,
        standardize: false,
        kept: false,
        support: Support::Line,
        bounds: &[],
        parts: None,
        own: None,
        stream: None,
        validation: &Validation::Part(0.0),
        seed: 0,
    };
    assert!(Table::read(&wanted).unwrap_err().to_string().contains("has no rows"));
}

/// A `.npy` file of bytes, `[rows, 2]`.
fn npy(values: &[i8]) -> Vec<u8> {
    let shape = vec![values.len() as u64 / 2, 2];
    let header = crate::data::npy::Header { element: crate::data::npy::Element::I8, shape };
    let mut bytes = header.to_bytes();
    bytes.extend(values.iter().map(|x| *x as u8));
    bytes
}

fn npz(entries: &[(&str, &[u8])], method: zip::CompressionMethod) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    for (name, bytes) in entries {
        // As numpy does, so that sizes are in an extra field.
        archive.start_file(*name, options.large_file(true)).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn archives_hold_arrays_by_name() {
    use zip::CompressionMethod::{Deflated, Stored};
    let folder = Folder::new("npz");
    let values: Vec<i8> = (0..100).collect();
    let (all, few) = (npy(&values), npy(&values[..4]));
    let read = |path: &Path| read_all(path, &[], None, REAL).map(|(rows, _)| rows.len());
    for method in [Stored, Deflated] {
        let one = folder.put("one.npz", &npz(&[("notes.txt", b"x"), ("x.npy", &all)], method));
        assert_eq!(read(&one).unwrap(), 100);
        let two = folder.put("two.npz", &npz(&[("a/x.npy", &all), ("b.npy", &few)], method));
        let message = read(&two).unwrap_err().to_string();
        assert!(message.ends_with("expected a name, FILE.npz:NAME: a/x, b"), "{message}");
        let named = |name: &str| PathBuf::from(format!("{}:{name}", two.display()));
        assert_eq!(read(&named("a/x")).unwrap(), 100);
        assert_eq!(read(&named("b")).unwrap(), 4);
        assert_eq!(read(&named("b.npy")).unwrap(), 4);
        let message = read(&named("c")).unwrap_err().to_string();
        assert!(
            message.ends_with("two.npz:c: has no array 'c', expected one of a/x, b"),
            "{message}"
        );
    }
    let none = folder.put("none.npz", &npz(&[("notes.txt", b"x")], Stored));
    assert!(read(&none).unwrap_err().to_string().contains("has no arrays"));
    // The checksum is looked at, also where any bytes are values.
    let mut bytes = npz(&[("x.npy", &all)], Stored);
    let at = bytes.windows(3).position(|three| three == [50, 51, 52]).unwrap();
    bytes[at] = 7;
    let message = read(&folder.put("bad.npz", &bytes)).unwrap_err().to_string();
    assert!(message.contains("its checksum differs"), "{message}");
}

/// Whether a file with these bytes is read or refused in one line, and no worse.
fn sane(path: &Path, bytes: &[u8]) -> bool {
    fs::write(path, bytes).unwrap();
    match read_all(path, &[], None, REAL) {
        Ok((rows, columns)) => {
            assert!(
                rows.len().is_multiple_of(columns.width()) && rows.iter().all(|x| x.is_finite())
            );
            true
        }
        Err(error) => {
            let message = error.to_string();
            assert!(!message.contains('\n') && message.len() < 1000, "{message}");
            false
        }
    }
}

fn files() -> Vec<(&'static str, Vec<u8>)> {
    let mut files = every_format(&table());
    let values: Vec<i8> = (0..100).collect();
    files.push(("x.npz", npz(&[("x.npy", &npy(&values))], zip::CompressionMethod::Deflated)));
    files
}

#[test]
fn what_is_cut_short_is_an_error() {
    let folder = Folder::new("cut");
    for (name, bytes) in files() {
        let path = folder.0.join(name);
        assert!(sane(&path, &bytes), "{name}");
        let mut whole = Vec::new();
        for keep in (0..bytes.len()).step_by(7).chain(bytes.len() - 12..bytes.len()) {
            if sane(&path, &bytes[..keep]) {
                whole.push(keep);
            }
        }
        // A stream may end at a message: its end mark is optional.
        assert!(
            whole.is_empty() || name.starts_with("stream"),
            "{name}: {whole:?} of {}",
            bytes.len()
        );
    }
}

/// One to three bytes are changed, anywhere or near the end, where indices are.
#[test]
fn damage_is_an_error_or_harmless() {
    let folder = Folder::new("damage");
    for (name, bytes) in files() {
        let path = folder.0.join(name);
        for trial in 0..400 {
            let mut damaged = bytes.clone();
            for flip in 0..=trial % 3 {
                let [place, what] = block([trial, flip], [0x666c, 0x6970]);
                let range = if trial % 2 == 0 { bytes.len() } else { bytes.len().min(600) };
                let at = bytes.len() - 1 - place as usize % range;
                damaged[at] ^= 1 + (what % 255) as u8;
            }
            sane(&path, &damaged);
        }
    }
}
