//! Frames: bytes that find their own beginning and say whether they are whole.

use cobs::{CobsEncoder, DecodeResult, DecoderState, DestBufTooSmallError};
use crc::{CRC_32_ISO_HDLC, Crc, Digest, Table};
use postcard::ser_flavors::Flavor;
use serde::Serialize;

use crate::VERSION;

pub(crate) const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// The bit of a header that marks a reply.
const REPLY: u8 = 0x80;
/// Bytes before the body, and after it.
const BEFORE: usize = 5;
const AFTER: usize = 4;

/// Who sends a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The host.
    Request,
    /// The instrument.
    Reply,
}

/// The length of a frame with a body of `body` bytes before zeros are taken out: what a [`Decoder`] has to
/// hold.
pub const fn decoded_len(body: usize) -> usize {
    BEFORE + body + AFTER
}

/// The most that a frame with a body of `body` bytes takes on the line.
pub const fn encoded_len(body: usize) -> usize {
    2 + cobs::max_encoding_length(decoded_len(body))
}

/// A message that does not fit its buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl core::fmt::Display for TooLong {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the frame is longer than its buffer")
    }
}

impl core::error::Error for TooLong {}

impl From<DestBufTooSmallError> for TooLong {
    fn from(_: DestBufTooSmallError) -> Self {
        TooLong
    }
}

/// Writes a frame to the front of `out` and returns its length.
///
/// # Errors
/// It does not fit.
pub fn encode(
    direction: Direction,
    id: u32,
    body: &impl Serialize,
    out: &mut [u8],
) -> Result<usize, TooLong> {
    let header = match direction {
        Direction::Request => VERSION,
        Direction::Reply => VERSION | REPLY,
    };
    let (first, rest) = out.split_first_mut().ok_or(TooLong)?;
    *first = 0;
    let digest = CRC.digest();
    let mut frame = Encoder { digest, cobs: CobsEncoder::new(&mut *rest) };
    frame.bytes(&[header])?;
    frame.bytes(&id.to_le_bytes())?;
    let length = postcard::serialize_with_flavor(body, frame).map_err(|_| TooLong)?;
    *rest.get_mut(length).ok_or(TooLong)? = 0;
    Ok(length.saturating_add(2))
}

/// Postcard's bytes on their way into a frame.
struct Encoder<'a> {
    digest: Digest<'static, u32, Table<1>>,
    cobs: CobsEncoder<'a>,
}

impl Encoder<'_> {
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        self.digest.update(bytes);
        Ok(self.cobs.push(bytes)?)
    }
}

impl Flavor for Encoder<'_> {
    type Output = usize;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.bytes(bytes).map_err(|TooLong| postcard::Error::SerializeBufferFull)
    }

    fn finalize(self) -> postcard::Result<usize> {
        let Encoder { digest, mut cobs } = self;
        let pushed = cobs.push(&digest.finalize().to_le_bytes());
        pushed.map_err(|_| postcard::Error::SerializeBufferFull)?;
        Ok(cobs.finalize())
    }
}

/// A frame that arrived whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its sender's version.
    pub version: u8,
    /// Which request it is, or answers.
    pub id: u32,
    /// The message.
    pub body: &'a [u8],
}

/// Frames that did not arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Damaged, or the other direction's.
    pub damaged: u32,
    /// Longer than the buffer.
    pub oversize: u32,
}

/// Finds frames in bytes, one byte at a time, in a buffer of `N` bytes ([`decoded_len`]).
#[derive(Debug)]
pub struct Decoder<const N: usize> {
    direction: Direction,
    cobs: DecoderState,
    buffer: [u8; N],
    length: usize,
    /// The rest of a frame that is given up.
    skipping: bool,
    dropped: Dropped,
}

impl<const N: usize> Decoder<N> {
    /// A decoder of the frames of one direction.
    pub const fn new(direction: Direction) -> Self {
        let dropped = Dropped { damaged: 0, oversize: 0 };
        Self {
            direction,
            cobs: DecoderState::Idle,
            buffer: [0; N],
            length: 0,
            skipping: false,
            dropped,
        }
    }

    /// What was dropped so far.
    pub fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// Takes a byte; whether it ended a whole frame, which is then in [`Decoder::frame`] until the next byte.
    pub fn feed(&mut self, byte: u8) -> bool {
        if self.skipping {
            if byte == 0 {
                (self.skipping, self.cobs) = (false, DecoderState::Idle);
            }
            return false;
        }
        match self.cobs.feed(byte) {
            Ok(DecodeResult::NoData) => false,
            Ok(DecodeResult::DataStart) => {
                self.length = 0;
                false
            }
            Ok(DecodeResult::DataContinue(byte)) => {
                match self.buffer.get_mut(self.length) {
                    Some(place) => {
                        *place = byte;
                        self.length = self.length.saturating_add(1);
                    }
                    None => {
                        self.skipping = true;
                        self.dropped.oversize = self.dropped.oversize.saturating_add(1);
                    }
                }
                false
            }
            Ok(DecodeResult::DataComplete) => {
                let whole = self.frame().is_some();
                if !whole {
                    self.dropped.damaged = self.dropped.damaged.saturating_add(1);
                }
                whole
            }
            // Too early a zero, which ends this frame as it would have ended a whole one.
            Err(_) => {
                self.length = 0;
                self.dropped.damaged = self.dropped.damaged.saturating_add(1);
                false
            }
        }
    }

    /// The frame that the last byte ended; `None` if it ended none.
    pub fn frame(&self) -> Option<Frame<'_>> {
        if !matches!(self.cobs, DecoderState::Idle) {
            return None;
        }
        let (rest, checksum) = self.buffer.get(..self.length)?.split_last_chunk::<AFTER>()?;
        if CRC.checksum(rest) != u32::from_le_bytes(*checksum) {
            return None;
        }
        let (&header, rest) = rest.split_first()?;
        let (id, body) = rest.split_first_chunk()?;
        let direction = if header & REPLY == 0 { Direction::Request } else { Direction::Reply };
        let version = header & !REPLY;
        (direction == self.direction).then_some(Frame {
            version,
            id: u32::from_le_bytes(*id),
            body,
        })
    }
}
