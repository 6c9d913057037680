"""What Prometheus reads of a page."""

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from casemate.constants import NS_PER_S
from casemate.io.web.screening import AnyPage
from casemate.model.messages import SensorState

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def exposed(page: AnyPage) -> bytes:
    """Return the figures of a page in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Figures(page))
    return generate_latest(registry)


class _Figures(Collector):
    def __init__(self, page: AnyPage) -> None:
        self._page = page

    def collect(self) -> Iterator[Metric]:
        page, scene = self._page, self._page.ledger.scene
        alarms = [alarm for alarm in scene.alarms.values() if not alarm.is_over]
        gauges = {
            "casemate_ready": ("1 once kernels are warm and steps come", float(page.is_ready)),
            "casemate_picture_age_seconds": ("since the newest step was taken in", page.age_s),
            "casemate_data_time_seconds": ("of the newest step, since 1970", scene.t_ns / NS_PER_S),
            "casemate_tracks": ("confirmed and coasting", float(len(scene.tracks))),
            "casemate_alarms": ("that are not over", float(len(alarms))),
            "casemate_alarms_unacknowledged": (
                "that are not over and nobody has acknowledged",
                float(sum(alarm.acknowledged is None for alarm in alarms)),
            ),
            "casemate_clients": ("connected", float(len(page.hub.clients))),
        }
        for name, (help_text, value) in gauges.items():
            yield GaugeMetricFamily(name, help_text, value)
        counters = {
            "casemate_steps": ("taken in by the page", page.n_steps),
            "casemate_steps_shed": ("that the page could not follow", page.n_shed),
            "casemate_notices": ("taken in by the page", page.n_notices),
            "casemate_pictures": ("made", page.n_pictures),
            "casemate_pictures_lost": ("that slow clients did not get", page.hub.n_pictures_lost),
            "casemate_clients_dropped": ("because they took nothing", page.hub.n_dropped),
        }
        for name, (help_text, n) in counters.items():
            yield CounterMetricFamily(name, help_text, float(n))
        yield from self._states()

    def _states(self) -> Iterator[Metric]:
        scene = self._page.ledger.scene
        sensors = GaugeMetricFamily("casemate_sensor_ok", "1 where a sensor delivers as declared", labels=["sensor"])
        for sensor in scene.sensors.values():
            sensors.add_metric([sensor.name], float(sensor.state == SensorState.OK))
        zones = GaugeMetricFamily("casemate_zone_watched", "1 where a zone is watched", labels=["zone"])
        for zone in scene.zones.values():
            zones.add_metric([zone.name], float(zone.is_watched))
        yield sensors
        yield zones
