"""Sound as arrays: reading, resampling, spectra, augmentation."""
