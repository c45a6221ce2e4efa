"""Plan networks of rural coworking sites on real roads."""
