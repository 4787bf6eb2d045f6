//! Whole bodies, as Docker gets them.
