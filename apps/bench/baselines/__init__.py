"""What the suite is compared with: networks and loops as they are usually written."""
