//! Frames: four bytes of length, little-endian, and as many that are it.

use bytes::{Buf as _, Bytes, BytesMut};

/// Bytes before each frame.
const PREFIX: usize = 4;

/// A frame is longer than one may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {0} bytes is longer than one may be")]
pub(crate) struct TooLong(usize);

/// Takes frames out of what comes in pieces.
#[derive(Debug)]
pub(crate) struct Frames {
    buffer: BytesMut,
    longest: usize,
}

impl Frames {
    pub(crate) fn new(longest: usize) -> Self {
        Self { buffer: BytesMut::new(), longest }
    }

    /// What has come.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// The next frame, if all of it is here.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, TooLong> {
        let Some(prefix) = self.buffer.first_chunk::<PREFIX>() else { return Ok(None) };
        let length = usize::try_from(u32::from_le_bytes(*prefix)).unwrap_or(usize::MAX);
        if length > self.longest {
            return Err(TooLong(length));
        }
        if self.buffer.len() - PREFIX < length {
            return Ok(None);
        }
        self.buffer.advance(PREFIX);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }
}

/// Makes a frame of what `write` appends.
pub(crate) fn frame(write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut bytes = vec![0; PREFIX];
    write(&mut bytes);
    let length = u32::try_from(bytes.len() - PREFIX).unwrap_or(u32::MAX);
    if let Some(prefix) = bytes.first_chunk_mut::<PREFIX>() {
        *prefix = length.to_le_bytes();
    }
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_reassembled_from_any_chunks() {
        let sent = [&b"one"[..], b"", b"three"];
        let bytes: Vec<u8> = sent.iter().flat_map(|text| frame(|into| into.extend_from_slice(text))).collect();
        for size in [1, 2, 5, bytes.len()] {
            let (mut frames, mut received) = (Frames::new(5), Vec::new());
            for piece in bytes.chunks(size) {
                frames.push(piece);
                while let Some(frame) = frames.next().unwrap() {
                    received.push(frame);
                }
            }
            assert_eq!(received, sent, "in pieces of {size}");
            assert!(frames.buffer.is_empty());
        }
        let mut frames = Frames::new(4);
        frames.push(&bytes);
        assert_eq!(frames.next().unwrap().unwrap(), "one");
        assert_eq!(frames.next().unwrap().unwrap(), "");
        assert_eq!(frames.next(), Err(TooLong(5)));
    }
}
