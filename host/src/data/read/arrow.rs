//! Batches of an Arrow IPC file: one message after another.
//!
//! <https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc>:
//! a file is a stream between a magic word and an index, and is read as one, so that both formats go
//! one way. The crate's own readers are not used because a buffer that is compressed says how long it
//! was, and they ask for as much memory: a damaged length would end the program.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

use arrow_array::RecordBatch;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::read_record_batch;
use arrow_ipc::{CompressionType, MessageHeader, root_as_message};
use arrow_schema::{Schema, SchemaRef};

const MAGIC: &[u8; 6] = b"ARROW1";
/// How many bytes one that is compressed gives at most: by LZ4, and by zstd.
const LZ4: usize = 255;
const ZSTD: usize = 1 << 15;

/// The messages of an open file.
pub(super) struct Messages {
    input: BufReader<File>,
}

impl Messages {
    /// Goes to the first message; a pipe has a stream.
    pub(super) fn open(mut input: BufReader<File>, is_file: bool) -> Result<Messages, String> {
        let cannot = |e| format!("cannot be read: {e}");
        // Nothing of a pipe can be read twice.
        if is_file {
            let [start, end] = [SeekFrom::Start(0), SeekFrom::End(-(MAGIC.len() as i64))].map(
                |place| -> std::io::Result<[u8; 6]> {
                    let mut word = [0; MAGIC.len()];
                    input.seek(place)?;
                    input.read_exact(&mut word)?;
                    Ok(word)
                },
            );
            let start = start.map_err(cannot)?;
            if start.starts_with(b"FEA1") {
                return Err("is of Feather's version 1, expected version 2, Arrow IPC".into());
            }
            let skipped = if start == *MAGIC { 8 } else { 0 };
            if skipped > 0 && end.map_err(cannot)? != *MAGIC {
                return Err("does not end as an Arrow file: it is cut short".into());
            }
            input.seek(SeekFrom::Start(skipped)).map_err(cannot)?;
            // Writers align the first message as they like.
            let mut word = [0; 4];
            while skipped > 0 && word == [0; 4] {
                input.read_exact(&mut word).map_err(cannot)?;
            }
            input.seek_relative(if skipped > 0 { -4 } else { 0 }).map_err(cannot)?;
        }
        Ok(Messages { input })
    }

    /// The first message: what columns there are.
    pub(super) fn schema(&mut self) -> Result<Schema, String> {
        let [metadata, _] = self.next()?.ok_or("has no schema")?;
        let message = root_as_message(&metadata).map_err(|e| e.to_string())?;
        let schema = message.header_as_schema().ok_or("does not begin with a schema")?;
        if !schema.endianness().equals_to_target_endianness() {
            return Err("has numbers of the other byte order".into());
        }
        try_fb_to_schema(schema).map_err(|e| e.to_string())
    }

    /// Some columns of the next batch; `None` at the end.
    pub(super) fn batch(
        &mut self,
        schema: &SchemaRef,
        columns: &[usize],
    ) -> Result<Option<RecordBatch>, String> {
        while let Some([metadata, body]) = self.next()? {
            let message = root_as_message(&metadata).map_err(|e| e.to_string())?;
            if let Some(batch) = message.header_as_record_batch() {
                if !fits(&batch, &body) {
                    return Err("the length of a buffer is not what its codec gives".into());
                }
                let (body, none) = (body.into(), HashMap::new());
                let (schema, version) = (SchemaRef::clone(schema), message.version());
                let batch = read_record_batch(&body, batch, schema, &none, Some(columns), &version);
                return batch.map(Some).map_err(|e| e.to_string());
            }
            // Words of a dictionary are no numbers: no column that is read has one.
            if message.header_type() != MessageHeader::DictionaryBatch {
                return Err(format!("found a message of type {:?}", message.header_type()));
            }
        }
        Ok(None)
    }

    /// A message and its body.
    fn next(&mut self) -> Result<Option<[Vec<u8>; 2]>, String> {
        let word = self.bytes(4, true)?;
        let word = match word[..] {
            [0xff, 0xff, 0xff, 0xff] => self.bytes(4, false)?,
            _ => word,
        };
        // A stream may end without its mark.
        let Some(length) = word.first_chunk().map(|word| u32::from_le_bytes(*word)) else {
            return Ok(None);
        };
        if length == 0 {
            return Ok(None);
        }
        let metadata = self.bytes(length.into(), false)?;
        let message = root_as_message(&metadata).map_err(|e| e.to_string())?;
        let length = u64::try_from(message.bodyLength()).map_err(|e| e.to_string())?;
        let body = self.bytes(length, false)?;
        Ok(Some([metadata, body]))
    }

    /// So many bytes, in memory that grows as they come; none at the end, where that may be.
    fn bytes(&mut self, length: u64, may_end: bool) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let input = self.input.by_ref().take(length);
        let found = { input }.read_to_end(&mut bytes).map_err(|e| e.to_string())?;
        match found as u64 == length || found == 0 && may_end {
            true => Ok(bytes),
            false => Err(format!("it ends {} bytes early", length - found as u64)),
        }
    }
}

/// Whether there can be, and is, memory for a batch's buffers when they are decompressed.
fn fits(batch: &arrow_ipc::RecordBatch<'_>, body: &[u8]) -> bool {
    let most = match batch.compression().map(|compression| compression.codec()) {
        None => return true,
        Some(CompressionType::LZ4_FRAME) => LZ4,
        Some(_) => ZSTD,
    };
    batch.buffers().iter().flatten().all(|buffer| {
        let place =
            usize::try_from(buffer.offset()).ok().zip(usize::try_from(buffer.length()).ok());
        let bytes = place.and_then(|(start, n)| body.get(start..)?.get(..n));
        let Some(bytes) = bytes else { return false };
        // No length: nothing, or, as −1, bytes that are not compressed.
        let length = bytes.first_chunk().map_or(0, |length| i64::from_le_bytes(*length));
        let length = usize::try_from(length).unwrap_or(0);
        length <= most.saturating_mul(bytes.len())
            && Vec::<u8>::new().try_reserve_exact(length).is_ok()
    })
}
