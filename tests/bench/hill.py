"""The place that tests of live feeds share: a hill, a radar on it, and the zone around it."""

PLACE = """
[site]
name = "Hill"
lat_deg = 43.0
lon_deg = 18.0
height_m = 300.0

"""
ZONE = """[[zone]]
name = "Hill"
polygon_deg = [[42.985, 17.98], [43.015, 17.98], [43.015, 18.02], [42.985, 18.02]]
"""
SITE = f"""{PLACE}[[sensor]]
name = "radar-1"
lat_deg = 43.0
lon_deg = 18.0
height_m = 310.0
scan_period_s = 1.0
sigma_range_m = 10.0
sigma_azimuth_deg = 0.15
sigma_elevation_deg = 0.15
false_plots_per_scan = 2.0
range_m = [500.0, 20000.0]
elevation_deg = [0.2, 70.0]
sac = 25
sic = 10

{ZONE}"""
"""With a radar that turns once a second."""
