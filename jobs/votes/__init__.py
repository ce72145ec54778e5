"""What people preferred on the web site, as rows to train on."""
