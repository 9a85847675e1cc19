//! The table of a model's layers.

use super::Model;
use super::network::Network;
use crate::layers::Role;
use craneflow_ir::Type;

/// Numbers in all weights and in the trained ones.
pub(crate) fn parameters(network: &Network) -> (usize, usize) {
    let count = |trained_only: bool| {
        let weights = network.weights.iter();
        let weights = weights.filter(|w| !trained_only || w.role == Role::Trainable);
        weights.map(|w| w.shape.count()).sum()
    };
    (count(false), count(true))
}

impl Model {
    /// Layers, shapes of their outputs and numbers of parameters, as a table.
    pub fn summary(&self) -> String {
        let network = &self.network;
        let mut rows = vec![["Layer".to_string(), "Output".into(), "Parameters".into()]];
        for (name, input) in &network.inputs {
            rows.push([name.clone(), shape(&input.batch(1).shape), "0".into()]);
        }
        let mut counted: Vec<&str> = vec![];
        for used in &network.uses {
            let of_layer = |w: &&crate::layers::Weight| {
                w.name
                    .strip_prefix(&used.name)
                    .is_some_and(|rest| rest.starts_with('.'))
            };
            let weights = network.weights.iter().filter(of_layer);
            let count: usize = weights.map(|w| w.shape.count()).sum();
            let parameters = match counted.contains(&used.name.as_str()) {
                true => "shared".to_string(),
                false => thousands(count),
            };
            counted.push(&used.name);
            rows.push([used.name.clone(), shapes(&used.types), parameters]);
        }
        let width = |i: usize| rows.iter().map(|r| r[i].chars().count()).max().unwrap_or(0);
        let (a, b, c) = (width(0), width(1), width(2));
        let rule = "─".repeat(a + b + c + 4);
        let mut text = String::new();
        for (i, [name, output, parameters]) in rows.iter().enumerate() {
            text += &format!("{name:a$}  {output:b$}  {parameters:>c$}\n");
            if i == 0 {
                text += &format!("{rule}\n");
            }
        }
        let (all, trained) = parameters(network);
        let (all, trained, rest) = (thousands(all), thousands(trained), thousands(all - trained));
        text += &format!("{rule}\n{all} parameters: {trained} trainable, {rest} not\n");
        text
    }
}

/// The shapes of all results of a layer.
fn shapes(types: &[Type]) -> String {
    let shapes: Vec<String> = types.iter().map(|ty| shape(&ty.shape)).collect();
    shapes.join(" ")
}

/// A shape with the batch left open: `(None, 26, 26, 32)`.
fn shape(shape: &[usize]) -> String {
    let rest = shape.iter().skip(1).map(|d| format!(", {d}"));
    format!("(None{})", rest.collect::<String>())
}

/// `93,322`.
fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(93322), "93,322");
        assert_eq!(thousands(1234567), "1,234,567");
    }
}
