"""All parts together: which posts stay, in which thread, in which split."""
