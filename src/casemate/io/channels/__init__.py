"""Channels: how what the station decides reaches people; each proven against a real receiver of its kind."""
