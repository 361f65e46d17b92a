//! What is said of a model, from histograms of its scores alone.
