"""Physics: Earth, air, flight and what a radar measures. Pure: data in, data out; knows no track, file or clock."""
