//! Files and standard input, plain or compressed.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use flate2::bufread::MultiGzDecoder;

use super::bad;

const BUFFER_BYTES: usize = 1 << 18;
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Largest window of a compressed stream: as zstd's own program has it without `--long`.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// Bytes to read, decompressed.
pub struct Input {
    reader: Box<dyn BufRead + Send>,
    position: Arc<AtomicU64>,
    bytes: Option<u64>,
}

impl Input {
    /// A file, or standard input for `-`. Gzip and zstd are recognized by their first bytes.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let failed = |error: io::Error| bad(format!("{shown}: {error}"));
        let (source, bytes): (Box<dyn Read + Send>, _) = if path == Path::new("-") {
            (Box::new(io::stdin()), None)
        } else {
            let file = File::open(path).map_err(failed)?;
            let metadata = file.metadata().map_err(failed)?;
            if metadata.is_dir() {
                return Err(bad(format!("{shown} is a folder")));
            }
            (Box::new(file), metadata.is_file().then_some(metadata.len()))
        };
        let position = Arc::new(AtomicU64::new(0));
        let counted = Counted { source, position: position.clone() };
        let reader = decompressed(counted).map_err(failed)?;
        Ok(Self { reader, position, bytes })
    }

    /// Bytes of the file, where that is known.
    pub fn bytes(&self) -> Option<u64> {
        self.bytes
    }

    /// Counts the bytes of the file that were read.
    pub fn position(&self) -> Arc<AtomicU64> {
        self.position.clone()
    }
}

fn decompressed(source: impl Read + Send + 'static) -> io::Result<Box<dyn BufRead + Send>> {
    let mut first = Vec::new();
    let mut source = source;
    source.by_ref().take(4).read_to_end(&mut first)?;
    let (gzip, zstd) = (first.starts_with(&GZIP), first == ZSTD);
    let whole = io::Cursor::new(first).chain(source);
    let buffered = |source: Box<dyn Read + Send>| -> Box<dyn BufRead + Send> {
        Box::new(BufReader::with_capacity(BUFFER_BYTES, source))
    };
    if gzip {
        let whole = BufReader::with_capacity(BUFFER_BYTES, whole);
        return Ok(buffered(Box::new(MultiGzDecoder::new(whole))));
    }
    if zstd {
        let mut decoder = zstd::Decoder::new(whole)?;
        decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
        return Ok(buffered(Box::new(decoder)));
    }
    Ok(buffered(Box::new(whole)))
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.reader.consume(amount);
    }
}

struct Counted<R> {
    source: R,
    position: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.position.fetch_add(u64::try_from(read).unwrap_or(0), Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn reads_plain_gzip_and_zstd() {
        let text = "some lines\n".repeat(100_000);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        let forms = [
            text.clone().into_bytes(),
            gzip.finish().unwrap(),
            zstd::encode_all(text.as_bytes(), 1).unwrap(),
        ];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for form in forms {
            std::fs::write(&path, &form).unwrap();
            let mut input = Input::open(&path).unwrap();
            let mut read = String::new();
            input.read_to_string(&mut read).unwrap();
            assert!(read == text);
            let bytes = u64::try_from(form.len()).unwrap();
            assert_eq!(Input::bytes(&input), Some(bytes));
            assert_eq!(input.position().load(Ordering::Relaxed), bytes);
        }
        for short in ["", "a", "abc"] {
            std::fs::write(&path, short).unwrap();
            let mut read = String::new();
            Input::open(&path).unwrap().read_to_string(&mut read).unwrap();
            assert_eq!(read, short);
        }
        assert!(Input::open(folder.path()).err().unwrap().to_string().ends_with("is a folder"));
    }
}
