//! The configuration: a file becomes checked settings, or every error at once with its place.

pub mod settings;
