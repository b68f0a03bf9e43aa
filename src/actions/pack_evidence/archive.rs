//! The zip file, written as it grows: nothing is looked back at, so that it can be sent while it is made. Names and
//! times are the same whenever a pack is made of the same files.

use super::Part;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use zip::CompressionMethod;
use zip::result::ZipResult;
use zip::write::{SimpleFileOptions, StreamWriter, ZipWriter};

/// A zip file that is being written. Dropped before `finish` it stays without its directory, which no reader takes
/// for a whole one.
pub struct Archive {
    zip: ZipWriter<StreamWriter<Written>>,
    written: Written,
}

/// What is ready to be sent.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Default for Archive {
    fn default() -> Self {
        let written = Written::default();
        Self {
            zip: ZipWriter::new_stream(written.clone()),
            written,
        }
    }
}

impl Archive {
    /// Adds parts; returns the bytes that are ready. Fails where a name stands twice.
    pub fn add(&mut self, parts: Vec<Part>) -> ZipResult<Vec<u8>> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .unix_permissions(0o644);
        for part in parts {
            match part {
                Part::File(name) => self.zip.start_file(name, options)?,
                Part::Bytes(bytes) => self.zip.write_all(&bytes)?,
            }
        }
        Ok(self.written.take())
    }

    /// The last bytes.
    pub fn finish(self) -> ZipResult<Vec<u8>> {
        let Self { zip, written } = self;
        zip.finish()?;
        Ok(written.take())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Read};
    use zip::ZipArchive;

    fn packed() -> Vec<u8> {
        let mut archive = Archive::default();
        let mut bytes = Vec::new();
        let parts = |name: &str, pieces: &[&[u8]]| {
            let mut parts = vec![Part::File(name.into())];
            parts.extend(pieces.iter().map(|piece| Part::Bytes(piece.to_vec())));
            parts
        };
        bytes.extend(
            archive
                .add(parts("README.txt", &[b"read ", b"me"]))
                .expect("added"),
        );
        bytes.extend(archive.add(parts("a/b.json", &[b"{}"])).expect("added"));
        bytes.extend(
            archive
                .add(vec![Part::Bytes(b"\n".to_vec())])
                .expect("added"),
        );
        bytes.extend(archive.finish().expect("finished"));
        bytes
    }

    #[test]
    fn what_was_packed_piece_by_piece_is_unpacked_whole_and_in_order() {
        let mut zip = ZipArchive::new(Cursor::new(packed())).expect("a zip file");
        let mut found = Vec::new();
        for index in 0..zip.len() {
            let mut file = zip.by_index(index).expect("a file");
            let mut text = String::new();
            file.read_to_string(&mut text)
                .expect("its checksum is right");
            found.push((file.name().expect("a name").to_string(), text));
        }
        let expected = [("README.txt", "read me"), ("a/b.json", "{}\n")];
        assert_eq!(
            found,
            expected.map(|(name, text)| (name.to_owned(), text.to_owned()))
        );
        assert_eq!(packed(), packed());
    }

    #[test]
    fn a_pack_that_broke_off_is_no_zip_file() {
        let mut archive = Archive::default();
        let parts = vec![Part::File("a".into()), Part::Bytes(vec![7; 100_000])];
        let bytes = archive.add(parts).expect("added");
        assert!(ZipArchive::new(Cursor::new(bytes)).is_err());
    }
}
