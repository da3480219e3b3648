"""What people look at: figures, grids of pictures, tables, pages."""
