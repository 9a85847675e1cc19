//! Reads the corpus.

use craneflow_ir::{Array, DType, Type};
use std::io::Read;

/// A program with inputs and expected results, as the importer's `Arg` says they are passed.
pub struct Case {
    pub name: String,
    pub text: String,
    pub code: Vec<u8>,
    pub inputs: Vec<Array>,
    pub outputs: Vec<Array>,
}

struct Reader(std::io::Cursor<Vec<u8>>);

impl Reader {
    fn number(&mut self) -> usize {
        let mut bytes = [0; 4];
        self.0.read_exact(&mut bytes).expect("a number");
        u32::from_le_bytes(bytes) as usize
    }

    fn blob(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; self.number()];
        self.0.read_exact(&mut bytes).expect("bytes");
        bytes
    }

    fn text(&mut self) -> String {
        String::from_utf8(self.blob()).expect("text")
    }

    fn array(&mut self) -> Array {
        let name = self.text();
        let rank = self.number();
        let mut dims: Vec<usize> = (0..rank).map(|_| self.number()).collect();
        let dtype = match &*name {
            "i1" => DType::Bool,
            "i2" | "i4" => DType::I8,
            "complex<f32>" => DType::F32,
            "complex<f64>" => DType::F64,
            name if name.starts_with("f8") => DType::U8,
            name => match name.strip_prefix("ui") {
                Some("2" | "4") => DType::U8,
                Some(bits) => DType::from_name(&format!("u{bits}")).expect("a type"),
                None => DType::from_name(name).expect("a type"),
            },
        };
        if name.starts_with("complex") {
            dims.push(2);
        }
        Array::from_bytes(Type::new(dtype, dims), self.blob())
            .expect("as many bytes as the type has")
    }

    fn arrays(&mut self) -> Vec<Array> {
        (0..self.number()).map(|_| self.array()).collect()
    }
}

/// All cases.
pub fn corpus() -> Vec<Case> {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus.bin.gz");
    let path = std::env::var("CRANEFLOW_CORPUS").unwrap_or(own.to_string());
    let file = std::fs::File::open(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut bytes = vec![];
    flate2::read::GzDecoder::new(file)
        .read_to_end(&mut bytes)
        .expect("a gzip file");
    let end = bytes.len() as u64;
    let mut reader = Reader(std::io::Cursor::new(bytes));
    let mut cases = vec![];
    while reader.0.position() < end {
        cases.push(Case {
            name: reader.text(),
            text: reader.text(),
            code: reader.blob(),
            inputs: reader.arrays(),
            outputs: reader.arrays(),
        });
    }
    cases
}
