"""Rules of alerts made on the desk: form, file, trial on the past."""
