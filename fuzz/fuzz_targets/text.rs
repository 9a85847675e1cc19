//! The reader of `.ir` files: any bytes give an error or something that prints and verifies or not.
#![no_main]

use craneflow_ir::check_graph;
use craneflow_ir::loops::verify::verify_program;
use craneflow_ir::text::{Item, parse_module};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(module) = parse_module(text) else {
        return;
    };
    for item in module.items {
        let printed = match &item {
            Item::Graph(g, _) => {
                let _ = check_graph(g);
                g.to_string()
            }
            Item::Program(p) => {
                let _ = verify_program(p);
                p.to_string()
            }
            Item::Kernel(k) => k.to_string(),
        };
        parse_module(&printed).expect("what is printed reads back");
    }
});
