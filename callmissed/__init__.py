"""CallMissed: AI chat and voice for Indian businesses, with a privacy policy that is executable."""

__version__ = "0.1.0"
