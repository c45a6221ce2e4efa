"""What a commission gets: one page that opens offline, paper, spreadsheet and GeoPackage."""

from planner.dossier._brand import Brand, contrast_with_white, read_logo

__all__ = ["Brand", "contrast_with_white", "read_logo"]
