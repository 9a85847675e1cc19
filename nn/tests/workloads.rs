//! Every workload traces, and donates what it replaces.

use craneflow_nn::models::{BuiltIn, MODELS};
use craneflow_nn::workloads::{NAMES, workload};

#[test]
fn workloads_trace() {
    for name in NAMES {
        // The million elements of the functions take long to draw without optimisation.
        if matches!(name, "M2" | "M4" | "M5" | "M7_2048" | "M9") {
            continue;
        }
        let w = workload(name).unwrap_or_else(|e| panic!("{name}: {e}"));
        let changing = w.batches.iter().map(|b| b.input);
        let all: Vec<usize> = (0..w.starts.len()).chain(changing).collect();
        assert!(all.into_iter().eq(0..w.graph.inputs.len()), "{name}");
        for (i, input) in w.graph.inputs.iter().enumerate() {
            let array = w.first(i);
            assert!(array == w.first(i), "{name}: {}", input.name);
            assert_eq!(*w.graph.ty(input.value), array.ty, "{name}: {}", input.name);
            if let Some(output) = input.donated {
                let replaced = &w.graph.outputs[output];
                assert_eq!(replaced.name, input.name, "{name}");
                assert_eq!(*w.graph.ty(replaced.value), array.ty, "{name}");
            }
        }
    }
    assert!(workload("W9").is_err());
}

#[test]
fn built_in_models_build_and_compile() {
    for entry in &MODELS {
        let mut model = entry
            .model()
            .unwrap_or_else(|e| panic!("{}: {e}", entry.name));
        entry
            .compile(&mut model, None)
            .unwrap_or_else(|e| panic!("{}: {e}", entry.name));
        let graph = model.train_graph(4).expect("traces");
        assert_eq!(
            graph.outputs[graph.outputs.len() - 2].name,
            "loss",
            "{}",
            entry.name
        );
    }
    let message = BuiltIn::find("vgg").err().expect("unknown").to_string();
    assert_eq!(
        message,
        "there is no model vgg; there are digits_cnn, mlp, mnist_cnn, cifar_cnn, linear, binary"
    );
    let parameters = |name| {
        BuiltIn::find(name)
            .and_then(BuiltIn::model)
            .expect("builds")
            .parameters()
            .0
    };
    assert_eq!(parameters("mlp"), 101_770);
    assert_eq!(parameters("mnist_cnn"), 93_322);
    assert_eq!(parameters("binary"), 101);
}
