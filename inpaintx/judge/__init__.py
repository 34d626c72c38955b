"""The instruments of the judge: what measures a fill, and how sure the measurement is."""
