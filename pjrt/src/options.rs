//! The options of a compilation: a protocol buffer, `CompileOptionsProto` of XLA.

use crate::error::Failure;
use craneflow_codegen::pack::put_bytes;

/// Numbers of fields of `CompileOptionsProto` and the messages in it.
mod field {
    pub const BUILD: u64 = 3;
    pub const OVERRIDES: u64 = 7;
    pub const BUILD_REPLICAS: u64 = 4;
    pub const BUILD_PARTITIONS: u64 = 5;
    pub const KEY: u64 = 1;
    pub const VALUE: u64 = 2;
}

/// Options that JAX passes on for XLA and that change no result: accepted, without effect here.
const WITHOUT_EFFECT: [&str; 9] = [
    "exec_time_optimization_effort",
    "memory_fitting_effort",
    "optimization_level",
    "xla_embed_ir_in_executable",
    "xla_dump_to",
    "xla_dump_hlo_as_text",
    "xla_cpu_enable_fast_math",
    "xla_backend_optimization_level",
    "xla_dump_max_hlo_modules",
];

/// What names of options for other devices begin with: accepted too, so that a program's list of options
/// serves for all of its devices.
const OF_OTHERS: [&str; 2] = ["xla_gpu_", "xla_tpu_"];

/// Options that are truth values.
const BOOLS: [&str; 3] = [
    "xla_embed_ir_in_executable",
    "xla_dump_hlo_as_text",
    "xla_cpu_enable_fast_math",
];

/// The value of an option that a user gave by name.
#[derive(Clone, PartialEq, Debug)]
enum Value {
    Text(String),
    Bool,
    Number,
}

/// Checks the options of a compilation: one device, and no option that is not known. Returns those given
/// by name, in an order of their own: what else is in the message changes nothing here, and its order
/// and content differ from process to process.
pub fn check(bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut named = vec![];
    let wrong = || Failure::Invalid("the compile options are no CompileOptionsProto".into());
    for (number, content) in fields(bytes).ok_or_else(wrong)? {
        match (number, content) {
            (field::BUILD, Content::Bytes(build)) => {
                for (number, content) in fields(build).ok_or_else(wrong)? {
                    let devices = [field::BUILD_REPLICAS, field::BUILD_PARTITIONS];
                    if let Content::Number(n) = content
                        && devices.contains(&number)
                        && n > 1
                    {
                        return Err(Failure::Invalid(format!(
                            "a program for {n} devices; Craneflow has one"
                        )));
                    }
                }
            }
            (field::OVERRIDES, Content::Bytes(entry)) => {
                known(entry).ok_or_else(wrong)??;
                named.push(entry);
            }
            _ => {}
        }
    }
    named.sort();
    let mut list = vec![];
    named.iter().for_each(|entry| put_bytes(&mut list, entry));
    Ok(list)
}

/// Whether an entry of the options by name is one that is known.
fn known(entry: &[u8]) -> Option<Result<(), Failure>> {
    let (mut key, mut value) = (String::new(), None);
    for (number, content) in fields(entry)? {
        match (number, content) {
            (field::KEY, Content::Bytes(name)) => key = String::from_utf8_lossy(name).into_owned(),
            (field::VALUE, Content::Bytes(message)) => {
                value = fields(message)?
                    .pop()
                    .map(|(number, content)| match content {
                        Content::Bytes(text) => {
                            Value::Text(String::from_utf8_lossy(text).into_owned())
                        }
                        Content::Number(_) if number == 2 => Value::Bool,
                        Content::Number(_) => Value::Number,
                    });
            }
            _ => {}
        }
    }
    let of_others = OF_OTHERS.iter().any(|start| key.starts_with(start));
    if !of_others && !WITHOUT_EFFECT.contains(&&*key) {
        return Some(Err(Failure::UnknownOption(key)));
    }
    let truth = |t: &str| matches!(t, "true" | "false" | "True" | "False" | "0" | "1");
    match value {
        Some(Value::Text(text)) if BOOLS.contains(&&*key) && !truth(&text) => {
            Some(Err(Failure::Invalid(format!(
                "While setting option {key}, '{text}' is not a valid bool value."
            ))))
        }
        _ => Some(Ok(())),
    }
}

/// The content of a field of a protocol buffer.
enum Content<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message in order; `None` when it is none.
fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Content<'_>)>> {
    let mut list = vec![];
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let content = match tag & 7 {
            0 => Content::Number(varint(&mut bytes)?),
            1 => Content::Number(u64::from_le_bytes(bytes.split_off(..8)?.try_into().ok()?)),
            2 => {
                let len = usize::try_from(varint(&mut bytes)?).ok()?;
                Content::Bytes(bytes.split_off(..len)?)
            }
            5 => Content::Number(u32::from_le_bytes(bytes.split_off(..4)?.try_into().ok()?).into()),
            _ => return None,
        };
        list.push((tag >> 3, content));
    }
    Some(list)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.split_off_first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field that holds bytes.
    fn held(number: u8, content: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, content.len() as u8], content].concat()
    }

    #[test]
    fn unknown_names_and_many_devices_are_refused() {
        let entry = |name: &str| held(7, &[held(1, name.as_bytes()), held(2, &[8, 1])].concat());
        assert!(check(&[]).is_ok());
        assert!(check(&entry("xla_dump_hlo_as_text")).is_ok());
        assert!(check(&entry("xla_gpu_autotune_level")).is_ok());
        let error = check(&entry("speed")).expect_err("unknown");
        assert_eq!(error.to_string(), "No such compile option: 'speed'");
        let (a, b) = (entry("xla_dump_to"), entry("optimization_level"));
        let [ab, ba] = [[&a[..], &b].concat(), [&b[..], &a].concat()].map(|o| check(&o));
        assert_eq!(ab.expect("known"), ba.expect("known"));
        assert!(check(&held(3, &[4 << 3, 1, 5 << 3, 1])).is_ok());
        assert!(check(&held(3, &[4 << 3, 2])).is_err());
    }

    #[test]
    fn damaged_options_are_errors() {
        for bytes in [
            &[0xff][..],
            &[3 << 3 | 2, 9, 1],
            &[7 << 3 | 2, 1, 0xff],
            &[0x80; 11],
        ] {
            assert!(check(bytes).is_err(), "{bytes:?}");
        }
    }
}
