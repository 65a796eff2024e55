"""The commands of `callmissed`, by what they are about; `callmissed.app.cli` puts them together."""
