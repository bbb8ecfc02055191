"""The battery: what is in it, what comes in and what goes out, with the losses of both ways."""

from hil.scenario.environment import BatteryTable

J_PER_WH = 3_600.0


class Battery:
    """One battery. Energies add up: what came in is what went out, what was lost, what was shed and what is in it.

    Args:
        table: What it is.
    """

    def __init__(self, table: BatteryTable) -> None:
        self._table = table
        self.capacity_j = table.capacity_wh * J_PER_WH
        self.charge_j = table.charge * self.capacity_j
        self.lost_j = 0.0
        """As heat, on the way in and on the way out."""
        self.shed_j = 0.0
        """That came while it was full."""
        self.missing_j = 0.0
        """That was drawn when nothing was left."""

    @property
    def charge(self) -> float:
        """What is in it, as a share."""
        return self.charge_j / self.capacity_j

    def run(self, source_w: float, load_w: float, duration_s: float) -> float:
        """Let it stand between a source and a load, exactly; give the power lost in it as heat.

        Args:
            source_w: What comes, all the time.
            load_w: What is drawn, all the time.
            duration_s: For how long.
        """
        table = self._table
        surplus_j = (source_w - load_w) * duration_s
        if surplus_j >= 0:
            stored_j = surplus_j * table.charge_efficiency
            room_j = self.capacity_j - self.charge_j
            if stored_j > room_j:
                taken_j = room_j / table.charge_efficiency
                self.shed_j += surplus_j - taken_j
                surplus_j, stored_j = taken_j, room_j
            lost_j = surplus_j - stored_j
            self.charge_j += stored_j
        else:
            drawn_j = -surplus_j / table.discharge_efficiency
            if drawn_j > self.charge_j:
                self.missing_j += (drawn_j - self.charge_j) * table.discharge_efficiency
                drawn_j = self.charge_j
            lost_j = drawn_j * (1 - table.discharge_efficiency)
            self.charge_j -= drawn_j
        self.lost_j += lost_j
        return lost_j / duration_s
