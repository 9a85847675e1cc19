//! The readers of StableHLO, bytecode and text, and the importer behind them: any bytes give an error or a
//! graph that is verified, prints and reads back.
#![no_main]

use craneflow_import::stablehlo::import;
use craneflow_ir::text::parse_graph;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(imported) = import(bytes) {
        let printed = imported.graph.to_string();
        parse_graph(&printed).expect("what is printed reads back");
    }
});
