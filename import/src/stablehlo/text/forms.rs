//! How names in the printed forms of operations correspond to attributes.

use super::attribute::Entries;
use crate::stablehlo::tree::Attr;
use std::rc::Rc;

/// Operation, what is printed, attribute.
const NAMES: &[(&str, &str, &str)] = &[
    ("broadcast_in_dim", "dims", "broadcast_dimensions"),
    ("dynamic_broadcast_in_dim", "dims", "broadcast_dimensions"),
    ("broadcast", "sizes", "broadcast_sizes"),
    ("transpose", "dims", "permutation"),
    ("reverse", "dims", "dimensions"),
    ("concatenate", "dim", "dimension"),
    ("iota", "dim", "iota_dimension"),
    ("dynamic_iota", "dim", "iota_dimension"),
    ("dynamic_slice", "sizes", "slice_sizes"),
    ("pad", "low", "edge_padding_low"),
    ("pad", "high", "edge_padding_high"),
    ("pad", "interior", "interior_padding"),
    ("fft", "type", "fft_type"),
    ("fft", "length", "fft_length"),
    ("rng_bit_generator", "algorithm", "rng_algorithm"),
    ("get_dimension_size", "dim", "dimension"),
    ("set_dimension_size", "dim", "dimension"),
];

/// The attribute for what is printed as `name`.
pub fn attribute(op: &str, name: &str) -> String {
    let found = NAMES.iter().find(|row| row.0 == op && row.1 == name);
    found.map_or(name, |row| row.2).to_string()
}

/// The attributes of an operation for words that are printed without a name, in order.
pub fn words(op: &str) -> &'static [&'static str] {
    match op {
        "compare" => &["comparison_direction", "compare_type"],
        _ => &[],
    }
}

/// Attributes that VHLO keeps apart, and text in one.
pub fn flattened(entries: Entries) -> Entries {
    let mut flat = vec![];
    for (name, attr) in entries {
        match (&*name, &*attr) {
            (
                "dimension_numbers" | "scatter_dimension_numbers" | "dot_dimension_numbers",
                Attr::Dict(list),
            ) => {
                flat.extend(list.iter().cloned());
            }
            ("padding", Attr::List(rows)) if rows.iter().any(|r| matches!(**r, Attr::List(_))) => {
                let row = |r: &Rc<Attr>| match &**r {
                    Attr::List(row) => row.clone(),
                    _ => vec![r.clone()],
                };
                flat.push((
                    name,
                    Rc::new(Attr::List(rows.iter().flat_map(row).collect())),
                ));
            }
            _ => flat.push((name, attr)),
        }
    }
    flat
}
