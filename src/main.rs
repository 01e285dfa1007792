//! Hands over to the application.

fn main() {}
