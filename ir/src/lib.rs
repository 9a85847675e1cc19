//! Craneflow's two languages: graph IR and loop IR
