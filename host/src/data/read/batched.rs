//! Rows of Parquet and Arrow IPC files, whose columns have names and types.
//!
//! A batch of rows is decoded at a time, as the file has them or a few thousand. All columns of a
//! number's type are read, and lists of a fixed number of such, as `name[0]`, `name[1]`, …; what else
//! a table has is refused by name where it is wanted, and passed over where it is not. A null is a
//! missing value.
//!
//! The crates that decode these formats may panic on a damaged file: that is caught, and an error
//! like any other.

use std::cell::Cell as StdCell;
use std::fs::File;
use std::io::BufReader;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, BooleanArray, PrimitiveArray, RecordBatch};
use arrow_schema::{DataType, Schema, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use pushforward::domain::Kind;

use super::arrow::Messages;
use super::cell::{Cell, truth};
use super::{Fault, Opened, Sink, Source};

/// Values of a batch of a Parquet file, about.
const BATCH: usize = 1 << 17;
/// Longest list that is taken for columns.
const LONGEST_LIST: usize = 1 << 16;

/// An open table.
pub(super) struct Batched {
    format: &'static str,
    places: Vec<Place>,
    batches: Batches,
    /// Rows that are left, where the file says how many.
    pub(super) left: Option<u64>,
    /// Which of the file's columns batches have.
    roots: Vec<usize>,
    /// The batch at hand: the columns that are read, each in its place.
    columns: Vec<Option<Numbers>>,
    /// Rows of it, and the next of them.
    rows: usize,
    next: usize,
}

/// Where the values of a column are in the file.
struct Place {
    /// The file's column.
    root: usize,
    name: String,
    /// Which number of how many: of a list, or the only one.
    element: (usize, usize),
    /// Why it cannot be read.
    fault: Option<String>,
}

enum Batches {
    /// No column is chosen yet.
    Pending(Begin),
    Begun(Iter),
    /// An error or a panic may leave the decoder in any state: it is not asked again.
    Over,
}

type Iter = Box<dyn Iterator<Item = Result<RecordBatch, String>>>;
/// Begins with some of the file's columns, in order, and says which the batches have.
type Begin = Box<dyn FnOnce(Vec<usize>) -> Result<(Vec<usize>, Iter), String>>;

impl Batched {
    /// Reads the index of a Parquet file.
    pub(super) fn open_parquet(file: File) -> Result<Opened, String> {
        let format = "Parquet";
        let builder = guarded(format, || ParquetRecordBatchReaderBuilder::try_new(file))?;
        let rows = builder.metadata().file_metadata().num_rows();
        let left = u64::try_from(rows).map_err(|_| format!("has {rows} rows, by its index"))?;
        let places = places(builder.schema())?;
        let begin = Box::new(|roots| begin_parquet(builder, roots));
        Batched::opened(format, places, begin, Some(left))
    }

    /// Reads the schema of an Arrow IPC file, in the format of files or, as a pipe must, in that of
    /// streams.
    pub(super) fn open_arrow(input: BufReader<File>, is_file: bool) -> Result<Opened, String> {
        let format = "Arrow IPC";
        let mut messages = Messages::open(input, is_file)?;
        let schema = SchemaRef::new(guarded(format, || messages.schema())?);
        let places = places(&schema)?;
        let begin = |roots: Vec<usize>| -> Result<(Vec<usize>, Iter), String> {
            let columns = roots.clone();
            let next = move || messages.batch(&schema, &columns).transpose();
            Ok((roots, Box::new(std::iter::from_fn(next))))
        };
        Batched::opened(format, places, Box::new(begin), None)
    }

    fn opened(
        format: &'static str,
        places: Vec<Place>,
        begin: Begin,
        left: Option<u64>,
    ) -> Result<Opened, String> {
        let names: Vec<_> = places.iter().map(|place| place.name.clone()).collect();
        if names.is_empty() {
            return Err("has no columns".into());
        }
        let (batches, roots, columns) = (Batches::Pending(begin), Vec::new(), Vec::new());
        let table = Batched { format, places, batches, left, roots, columns, rows: 0, next: 0 };
        Ok((Source::Batched(table), names.len(), Some(names)))
    }

    /// Appends up to `rows` rows and says how many.
    pub(super) fn next_rows<T: Cell>(
        &mut self,
        rows: usize,
        to: &mut Sink<'_, T>,
    ) -> Result<usize, Fault> {
        for n in 0..rows {
            while self.next == self.rows {
                if !self.advance(to.chosen).map_err(Fault::File)? {
                    return match self.left.unwrap_or(0) {
                        0 => Ok(n),
                        left => Err(Fault::File(format!("ends {left} rows before its end"))),
                    };
                }
            }
            if let Some(left) = &mut self.left {
                let fewer = left.checked_sub(1);
                let more = || Fault::File("has more rows than its index says".into());
                *left = fewer.ok_or_else(more)?;
            }
            let missing = || "the value is missing, expected a number".to_owned();
            to.push(|column, kind| {
                let numbers = self.columns[column].as_ref();
                let value = numbers.and_then(|numbers| numbers.at(self.next, kind));
                value.unwrap_or_else(|| Err(missing()))
            })?;
            self.next += 1;
        }
        Ok(rows)
    }

    /// Decodes the next batch, of these columns or of all; says whether there is one.
    fn advance(&mut self, chosen: Option<&[usize]>) -> Result<bool, String> {
        let every: Vec<_>;
        let chosen = match chosen {
            Some(chosen) => chosen,
            None => {
                every = (0..self.places.len()).collect();
                &every
            }
        };
        let mut batches = match std::mem::replace(&mut self.batches, Batches::Over) {
            Batches::Pending(begin) => {
                let wanted = || chosen.iter().map(|column| &self.places[*column]);
                if let Some(fault) = wanted().find_map(|place| place.fault.clone()) {
                    return Err(fault);
                }
                let mut roots: Vec<_> = wanted().map(|place| place.root).collect();
                roots.sort_unstable();
                roots.dedup();
                let (roots, batches) = begin(roots)?;
                self.roots = roots;
                batches
            }
            Batches::Begun(batches) => batches,
            Batches::Over => return Ok(false),
        };
        let Some(batch) = guarded(self.format, || batches.next().transpose())? else {
            return Ok(false);
        };
        self.columns.clear();
        self.columns.resize_with(self.places.len(), || None);
        for column in chosen {
            let Place { root, element, .. } = self.places[*column];
            let at = self.roots.binary_search(&root).ok().filter(|at| *at < batch.num_columns());
            let numbers = at.and_then(|at| Numbers::of(batch.column(at), element));
            let other = || unsound(self.format, "a batch has other columns than the schema");
            self.columns[*column] = Some(numbers.ok_or_else(other)?);
        }
        (self.rows, self.next) = (batch.num_rows(), 0);
        self.batches = Batches::Begun(batches);
        Ok(true)
    }
}

fn begin_parquet(
    builder: ParquetRecordBatchReaderBuilder<File>,
    roots: Vec<usize>,
) -> Result<(Vec<usize>, Iter), String> {
    let schema = builder.parquet_schema();
    for group in builder.metadata().row_groups() {
        for (leaf, chunk) in group.columns().iter().enumerate() {
            let compression = chunk.compression();
            if roots.binary_search(&schema.get_column_root_idx(leaf)).is_ok()
                && !is_decompressed(compression)
            {
                return Err(format!(
                    "column '{}' is compressed by {}, expected SNAPPY, GZIP, LZ4 or no compression{}",
                    chunk.column_path(),
                    codec(compression),
                    ZSTD
                ));
            }
        }
    }
    let mask = ProjectionMask::roots(schema, roots.iter().copied());
    let rows = (BATCH / schema.num_columns().max(1)).max(1);
    let reader =
        guarded("Parquet", || builder.with_projection(mask).with_batch_size(rows).build())?;
    Ok((roots, Box::new(reader.map(|batch| batch.map_err(|e| e.to_string())))))
}

/// Its name, without its level.
fn codec(compression: Compression) -> String {
    compression.to_string().split('(').next().unwrap_or_default().to_owned()
}

fn is_decompressed(compression: Compression) -> bool {
    use Compression::*;
    match compression {
        UNCOMPRESSED | SNAPPY | GZIP(_) | LZ4 | LZ4_RAW => true,
        ZSTD(_) => cfg!(feature = "zstd"),
        _ => false,
    }
}

/// What helps against zstd, if anything.
const ZSTD: &str = if cfg!(feature = "zstd") {
    ""
} else {
    " (a build with --features zstd reads ZSTD too; it needs a C compiler)"
};

/// The columns of a schema, with lists laid out.
fn places(schema: &Schema) -> Result<Vec<Place>, String> {
    let mut places = Vec::new();
    for (root, field) in schema.fields().iter().enumerate() {
        let (name, data_type) = (field.name().trim(), field.data_type());
        let one = |fault| Place { root, name: name.to_owned(), element: (0, 1), fault };
        match data_type {
            DataType::FixedSizeList(inner, length) if Values::hold(inner.data_type()) => {
                let length = usize::try_from(*length).unwrap_or(0);
                if !(1..=LONGEST_LIST).contains(&length) {
                    return Err(format!(
                        "column {} ({name}) has lists of {length} numbers, expected 1 to \
                         {LONGEST_LIST}",
                        places.len() + 1
                    ));
                }
                places.extend((0..length).map(|i| Place {
                    root,
                    name: format!("{name}[{i}]"),
                    element: (i, length),
                    fault: None,
                }));
            }
            _ if name.starts_with("__index_level_") => places.push(one(Some(format!(
                "column {} ({name}) is the index of a pandas table, expected data: write it with \
                 index=False",
                places.len() + 1
            )))),
            data_type if Values::hold(data_type) => places.push(one(None)),
            data_type => places.push(one(Some(format!(
                "column {} ({name}) has the type {data_type}, expected integers, floats or bools: \
                 leave it out",
                places.len() + 1
            )))),
        }
    }
    Ok(places)
}

/// The numbers of a column in a batch.
struct Numbers {
    values: Values,
    /// What they are elements of, if of lists.
    lists: Option<ArrayRef>,
    element: (usize, usize),
}

impl Numbers {
    fn of(array: &ArrayRef, element: (usize, usize)) -> Option<Numbers> {
        let DataType::FixedSizeList(_, length) = array.data_type() else {
            return Values::of(array).map(|values| Numbers { values, lists: None, element });
        };
        let values = Values::of(array.as_fixed_size_list_opt()?.values())?;
        let lists = Some(ArrayRef::clone(array));
        (usize::try_from(*length) == Ok(element.1)).then_some(Numbers { values, lists, element })
    }

    /// The value in a row; `None` where there is none.
    fn at<T: Cell>(&self, row: usize, kind: Kind) -> Option<Result<T, String>> {
        if self.lists.as_ref().is_some_and(|lists| lists.is_null(row)) {
            return None;
        }
        self.values.at(row * self.element.1 + self.element.0, kind)
    }
}

/// The types of numbers: each with the engine's way to take it.
macro_rules! values {
    ($($name:ident: $type:ident, $take:ident;)*) => {
        enum Values {
            Boolean(BooleanArray),
            $($name(PrimitiveArray<$type>),)*
        }

        impl Values {
            /// Whether columns of this type are read.
            fn hold(data_type: &DataType) -> bool {
                matches!(data_type, DataType::Boolean $(| DataType::$name)*)
            }

            fn of(array: &ArrayRef) -> Option<Values> {
                match array.data_type() {
                    DataType::Boolean => array.as_boolean_opt().cloned().map(Values::Boolean),
                    $(DataType::$name => array.as_primitive_opt().cloned().map(Values::$name),)*
                    _ => None,
                }
            }

            /// A value; `None` where there is none.
            fn at<T: Cell>(&self, index: usize, kind: Kind) -> Option<Result<T, String>> {
                match self {
                    Values::Boolean(array) => {
                        array.is_valid(index).then(|| truth(array.value(index), kind))
                    }
                    $(Values::$name(array) => {
                        array.is_valid(index).then(|| T::$take(array.value(index).into(), kind))
                    })*
                }
            }
        }
    };
}

values! {
    Int8: Int8Type, whole;
    Int16: Int16Type, whole;
    Int32: Int32Type, whole;
    Int64: Int64Type, whole;
    UInt8: UInt8Type, whole;
    UInt16: UInt16Type, whole;
    UInt32: UInt32Type, whole;
    UInt64: UInt64Type, whole;
    Float16: Float16Type, fraction;
    Float32: Float32Type, fraction;
    Float64: Float64Type, fraction;
}

/// What a decoder gives; its errors and panics become a message on one line.
fn guarded<T, E: std::fmt::Display>(
    format: &str,
    decode: impl FnOnce() -> Result<T, E>,
) -> Result<T, String> {
    static HOOK: Once = Once::new();
    thread_local!(static QUIET: StdCell<bool> = const { StdCell::new(false) });
    HOOK.call_once(|| {
        let told = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                told(panic);
            }
        }));
    });
    QUIET.set(true);
    let found = panic::catch_unwind(AssertUnwindSafe(decode));
    QUIET.set(false);
    match found {
        Ok(found) => found.map_err(|e| unsound(format, &e.to_string())),
        Err(_) => Err(unsound(format, "its parts contradict each other")),
    }
}

fn unsound(format: &str, why: &str) -> String {
    let why: Vec<_> = why.split_whitespace().collect();
    let codec = why.contains(&"zstd") && !cfg!(feature = "zstd");
    let hint = if codec { ZSTD } else { "" };
    format!("is no {format} file that can be read: {}{hint}", why.join(" "))
}
