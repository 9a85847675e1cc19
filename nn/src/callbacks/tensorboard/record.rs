//! The bytes of TensorBoard's event files: records of events in the wire format of protocol buffers.

use crate::model::Wire;

/// A message being written.
#[derive(Default)]
pub(super) struct Message(pub Vec<u8>);

impl Message {
    fn varint(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.0.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.0.push(n as u8);
    }

    /// Field `number` of wire type `kind`: 0 varint, 1 eight bytes, 2 with a length, 5 four bytes.
    fn key(&mut self, number: u32, kind: u32) {
        self.varint(u64::from(number << 3 | kind));
    }

    pub fn int(mut self, number: u32, n: i64) -> Message {
        self.key(number, 0);
        self.varint(n as u64);
        self
    }

    pub fn double(mut self, number: u32, x: f64) -> Message {
        self.key(number, 1);
        self.0.extend(x.to_le_bytes());
        self
    }

    pub fn float(mut self, number: u32, x: f32) -> Message {
        self.key(number, 5);
        self.0.extend(x.to_le_bytes());
        self
    }

    pub fn bytes(mut self, number: u32, bytes: &[u8]) -> Message {
        self.key(number, 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn message(self, number: u32, inner: Message) -> Message {
        self.bytes(number, &inner.0)
    }

    /// A packed list.
    pub fn doubles(self, number: u32, list: &[f64]) -> Message {
        let bytes: Vec<u8> = list.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.bytes(number, &bytes)
    }
}

/// An event at a time in seconds.
fn event(time: f64) -> Message {
    Message::default().double(1, time)
}

/// The first event of a file.
pub(super) fn version(time: f64) -> Message {
    event(time).bytes(3, b"brain.Event:2")
}

/// An event with one value of a summary.
pub(super) fn summary(time: f64, step: u64, value: Message) -> Message {
    let summary = Message::default().message(1, value);
    event(time).int(2, step as i64).message(5, summary)
}

pub(super) fn scalar(tag: &str, x: f32) -> Message {
    Message::default().bytes(1, tag.as_bytes()).float(2, x)
}

/// An event with the graph of a model: a node for each layer, with the shape of what it gives.
pub(super) fn graph(time: f64, wires: &[Wire]) -> Message {
    // A layer that is used again is another node.
    let names: Vec<String> = wires
        .iter()
        .enumerate()
        .map(|(i, wire)| {
            let before = wires[..i].iter().filter(|w| w.name == wire.name).count();
            match before {
                0 => wire.name.clone(),
                n => format!("{}_{n}", wire.name),
            }
        })
        .collect();
    let dimension =
        |message: Message, extent: i64| message.message(2, Message::default().int(1, extent));
    let node = |(wire, name): (&Wire, &String)| {
        let named = Message::default().bytes(1, name.as_bytes());
        let kind = named.bytes(2, wire.kind.as_bytes());
        let node = wire
            .from
            .iter()
            .fold(kind, |m, &i| m.bytes(3, names[i].as_bytes()));
        // The batch may have any extent: -1.
        let shape = dimension(Message::default(), -1);
        let extents = wire.shape.iter().map(|&extent| extent as i64);
        let shape = extents.fold(shape, dimension);
        let shapes = Message::default().message(1, Message::default().message(7, shape));
        let attribute = Message::default()
            .bytes(1, b"_output_shapes")
            .message(2, shapes);
        node.message(5, attribute)
    };
    let nodes = wires.iter().zip(&names).map(node);
    let graph = nodes.fold(Message::default(), |graph, node| graph.message(1, node));
    event(time).bytes(4, &graph.0)
}

/// A PNG file of a picture `[height, width, channels]`.
pub(super) fn image(tag: &str, [height, width, channels]: [usize; 3], png: &[u8]) -> Message {
    let image = Message::default()
        .int(1, height as i64)
        .int(2, width as i64)
        .int(3, channels as i64)
        .bytes(4, png);
    Message::default()
        .bytes(1, tag.as_bytes())
        .message(4, image)
}

/// Text in Markdown: a tensor of one string, and the name of the part that shows it.
pub(super) fn text(tag: &str, text: &str) -> Message {
    const STRING: i64 = 7;
    let shape = Message::default().message(2, Message::default().int(1, 1));
    let tensor = Message::default()
        .int(1, STRING)
        .message(2, shape)
        .bytes(8, text.as_bytes());
    let plugin = Message::default().bytes(1, b"text");
    let metadata = Message::default().message(1, plugin);
    Message::default()
        .bytes(1, tag.as_bytes())
        .message(8, tensor)
        .message(9, metadata)
}

/// Counts of finite numbers in 30 parts of equal width.
pub(super) fn histogram(tag: &str, numbers: &[f32]) -> Message {
    let finite = || {
        numbers
            .iter()
            .map(|&x| f64::from(x))
            .filter(|x| x.is_finite())
    };
    let min = finite().fold(f64::INFINITY, f64::min);
    let max = finite().fold(f64::NEG_INFINITY, f64::max);
    let (min, max) = if min > max { (0.0, 0.0) } else { (min, max) };
    const PARTS: usize = 30;
    let width = ((max - min) / PARTS as f64).max(1e-12);
    let mut counts = [0.0; PARTS];
    for x in finite() {
        counts[(((x - min) / width) as usize).min(PARTS - 1)] += 1.0;
    }
    let limits: Vec<f64> = (1..=PARTS).map(|i| min + width * i as f64).collect();
    let histogram = Message::default()
        .double(1, min)
        .double(2, max)
        .double(3, counts.iter().sum())
        .double(4, finite().sum())
        .double(5, finite().map(|x| x * x).sum())
        .doubles(6, &limits)
        .doubles(7, &counts);
    Message::default()
        .bytes(1, tag.as_bytes())
        .message(5, histogram)
}

/// A record: length, checksum of it, data, checksum of them.
pub(super) fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut bytes = length.to_vec();
    bytes.extend(masked(&length).to_le_bytes());
    bytes.extend_from_slice(data);
    bytes.extend(masked(data).to_le_bytes());
    bytes
}

fn masked(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C, bit by bit: files are small.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ (0x82F6_3B78 & (crc & 1).wrapping_neg());
    let byte = |crc: u32, &b: &u8| (0..8).fold(crc ^ u32::from(b), |crc, _| step(crc));
    !bytes.iter().fold(!0, byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_the_published_ones() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c(&[0xFF; 32]), 0x62A8_AB43);
    }

    #[test]
    fn a_layer_that_is_used_twice_is_two_nodes() {
        let wire = |name: &str, from: &[usize]| Wire {
            name: name.to_string(),
            kind: "dense",
            shape: vec![300],
            from: from.to_vec(),
        };
        let graph = graph(0.0, &[wire("x", &[]), wire("d", &[0]), wire("d", &[1])]).0;
        let node = |name: &str, from: &str| {
            let node = Message::default().bytes(1, name.as_bytes());
            node.bytes(2, b"dense").bytes(3, from.as_bytes()).0
        };
        for part in [node("d", "x"), node("d_1", "d")] {
            assert!(graph.windows(part.len()).any(|found| found == part));
        }
        // The shape: any number of samples, 300.
        let shape = [7 << 3 | 2, 18, 2 << 3 | 2, 11, 8];
        assert!(graph.windows(5).any(|found| found == shape));
    }

    #[test]
    fn messages_are_as_the_wire_format_has_them() {
        assert_eq!(Message::default().int(1, 150).0, [0x08, 0x96, 0x01]);
        assert_eq!(
            Message::default().bytes(2, b"testing").0,
            b"\x12\x07testing"
        );
        let scalar = scalar("a", 1.0).0;
        assert_eq!(scalar, [0x0a, 1, b'a', 0x15, 0, 0, 0x80, 0x3f]);
        assert_eq!(record(b"ab").len(), 8 + 4 + 2 + 4);
    }
}
