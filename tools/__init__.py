"""Programs around fashionclf; run them from the repository root."""
