//! The contract's types and calls, generated from `wit/`. They stop at this module's border.

wasmtime::component::bindgen!({
    path: "wit",
    world: "plugin",
    imports: { default: async | trappable },
    exports: { default: async },
});
