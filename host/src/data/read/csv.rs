//! Rows of a `.csv` file: a header or none, comments after `#`.

use std::io::{self, Read};

use super::cell::Cell;
use super::{Fault, Opened, Sink, Source};

/// The longest line (bytes): what has longer ones is no table.
const LONGEST_LINE: usize = 1 << 26;

/// An open file.
pub(super) struct Csv {
    input: csv::Reader<Lines>,
    /// The first line, if it is no header.
    pending: Option<csv::StringRecord>,
}

impl Csv {
    /// Reads the first line; it is a header if none of its fields is a number.
    pub(super) fn open(input: Box<dyn Read>) -> Result<Opened, String> {
        let mut builder = csv::ReaderBuilder::new();
        builder.has_headers(false).flexible(true).trim(csv::Trim::All).comment(Some(b'#'));
        let input = builder.from_reader(Lines { input, since: 0 });
        let mut csv = Csv { input, pending: None };
        let first = csv.next()?.ok_or("has no rows")?;
        let width = first.len();
        let header = first.iter().all(|field| !reads_as_number(field));
        let names = header.then(|| first.iter().map(str::to_owned).collect());
        csv.pending = (!header).then_some(first);
        Ok((Source::Csv(csv), width, names))
    }

    /// Appends up to `rows` rows and says how many; lines have `width` fields.
    pub(super) fn next_rows<T: Cell>(
        &mut self,
        rows: usize,
        width: usize,
        to: &mut Sink<'_, T>,
    ) -> Result<usize, Fault> {
        for n in 0..rows {
            let Some(record) = self.next().map_err(Fault::File)? else { return Ok(n) };
            let found = record.len();
            if found != width {
                let row = to.first + n as u64 + 1;
                let message = format!("row {row} has {found} values, expected {width}");
                return Err(Fault::File(message));
            }
            to.push(|column, kind| match record.get(column).unwrap_or_default() {
                "" => Err("the value is missing, expected a number".into()),
                field => match field.parse() {
                    Ok(x) => T::fraction(x, kind),
                    Err(_) => Err(format!("'{field}' is no number")),
                },
            })?;
        }
        Ok(rows)
    }

    /// The next line that is not blank; `None` at the end.
    fn next(&mut self) -> Result<Option<csv::StringRecord>, String> {
        if let Some(record) = self.pending.take() {
            return Ok(Some(record));
        }
        let mut record = csv::StringRecord::new();
        while self.input.read_record(&mut record).map_err(|e| fault(&e))? {
            // The parser skips empty lines, but not those of spaces.
            if record.len() > 1 || record.get(0).is_some_and(|field| !field.is_empty()) {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }
}

/// Whether a field is no name: a line that has one such is no header.
pub(in crate::data) fn reads_as_number(field: &str) -> bool {
    field.parse::<f64>().is_ok()
}

/// Refuses a line that would fill the memory.
struct Lines {
    input: Box<dyn Read>,
    /// Bytes since the last end of a line.
    since: usize,
}

impl Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(buffer)?;
        self.since = match buffer[..n].iter().rposition(|b| matches!(b, b'\n' | b'\r')) {
            Some(end) => n - end,
            None => self.since + n,
        };
        if self.since > LONGEST_LINE {
            let message = format!("a line has more than {LONGEST_LINE} bytes");
            return Err(io::Error::other(message));
        }
        Ok(n)
    }
}

fn fault(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Utf8 { pos, .. } => {
            format!("line {} is not text", pos.as_ref().map_or(0, csv::Position::line))
        }
        csv::ErrorKind::Io(e) => format!("cannot be read: {e}"),
        _ => error.to_string(),
    }
}
