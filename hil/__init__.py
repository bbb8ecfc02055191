"""Hardware in the loop: flight and ground meet here, over a link whose time, chance and weather this room owns."""
